"""Places: keys by task path, kind, name and occurrence, whatever order the branches run in."""

from perdure.core.place import Place


def test_a_key_is_path_kind_name_and_occurrence() -> None:
    place = Place()
    assert [place.key("step", "app:charge") for _ in range(2)] == ["0/step:app:charge#0", "0/step:app:charge#1"]
    assert place.key("sleep") == "0/sleep#0"


def test_names_and_kinds_are_counted_apart() -> None:
    place = Place()
    assert place.key("step", "app:charge") == "0/step:app:charge#0"
    assert place.key("step", "app:notify") == "0/step:app:notify#0"
    assert place.key("child", "app:charge") == "0/child:app:charge#0"
    assert place.key("step", "app:charge") == "0/step:app:charge#1"


def test_each_task_numbers_the_tasks_that_it_creates() -> None:
    main = Place()
    first, second = main.child(), main.child()
    assert [first.path, second.path, first.child().path, first.child().path] == ["0.1", "0.2", "0.1.1", "0.1.2"]


def test_branches_may_interleave_in_any_order() -> None:
    def keys(order: str) -> set[str]:
        main = Place()
        branches = {"a": main.child(), "b": main.child()}
        return {branches[branch].key("step", "app:charge") for branch in order}

    assert keys("aabb") == keys("abab") == keys("bbaa")


def test_a_step_added_to_one_branch_shifts_nothing_in_another() -> None:
    main = Place()
    first, second = main.child(), main.child()
    first.key("step", "app:added")
    assert second.key("step", "app:charge") == "0.2/step:app:charge#0"
