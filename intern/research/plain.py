"""Text of a paper, a card or a service as one line, as a record of research has it: quotations are looked for in it.
What is shown of it goes through `intern.text` like all foreign text."""


def one_line(text: object, most: int = 300) -> str:
    """Return text as one line of printable characters, cut at `most`."""
    raw = str(text)[: 20 * most + 1000]  # spaces aside that is more than enough, and a page of megabytes costs nothing
    line = " ".join("".join(char if char.isprintable() else " " for char in raw).split())
    return line if len(line) <= most else f"{line[: most - 2]} …"
