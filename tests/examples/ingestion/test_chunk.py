"""Chunks: headings, code in which there are none, sections that are too long."""

from examples.ingestion.chunk import CHARS_MAX, Chunk, split


def test_a_chunk_has_the_headings_above_it() -> None:
    text = "before\n# One\na\n## Two ##\nb\n\nc\n### Three\n## Four\nd\n# Five\n"
    assert split(text) == [
        Chunk("", "before"),
        Chunk("One", "a"),
        Chunk("One › Two", "b\n\nc"),
        Chunk("One › Four", "d"),
    ]


def test_a_heading_in_code_is_none() -> None:
    text = "# One\n````md\n# a comment\n```\n# another\n````\n#nor this\n## Two\n~~~\n## x\n"
    assert split(text) == [
        Chunk("One", "````md\n# a comment\n```\n# another\n````\n#nor this"),
        Chunk("One › Two", "~~~\n## x"),
    ]


def test_a_long_section_is_cut_between_paragraphs_items_and_rows() -> None:
    words = "word " * (CHARS_MAX // 5)
    assert [len(chunk.text) > CHARS_MAX for chunk in split(f"# A\n{words}w\n\nmore\nof it\n* one\n* two\n")] == [
        True,
        False,
    ]
    code = f"```\n{words}\n\n{words}\n```"
    assert [chunk.text for chunk in split(f"# A\n{code}\n\nmore")] == [code, "more"]
    rows = [f"| {number} {'x' * 500} |" for number in range(9)]
    chunks = split("\n".join(["# A", *rows]))
    assert [chunk.heading for chunk in chunks] == ["A", "A", "A"]
    assert "\n".join(chunk.text for chunk in chunks) == "\n".join(rows)


def test_nothing_in_it() -> None:
    assert split("") == split("# A\n\n## B\n") == []
