"""What is missing where `perdure.agent` is imported without its extra."""

from importlib.util import find_spec

if find_spec("pydantic_ai") is None:
    raise ImportError("perdure.agent needs pydantic-ai, which isn't installed: pip install 'perdure[agent]'")
