"""Fixtures: the worlds that the command line's tests look at too."""

from tests.cli.conftest import _first_desk, _first_diary, _first_shop, desk, diary, folder, shop

__all__ = ["_first_desk", "_first_diary", "_first_shop", "desk", "diary", "folder", "shop"]
