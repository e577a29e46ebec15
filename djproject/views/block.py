"""A marked block of a Markdown file, kept up to date; everything around it stays as it is."""

BEGIN, END = "<!-- djproject graph: begin -->", "<!-- djproject graph: end -->"


def with_block(text: str, content: str) -> str:
    """The text with `content` between the two marks; at the end of the text where it has no marks yet.

    Examples
    --------
    >>> once = with_block("# Title", "new")
    >>> once == with_block(once, "new") and once.startswith("# Title")
    True
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    block = f"{BEGIN}\n{content}\n{END}".replace("\n", newline)
    start = text.find(BEGIN)
    end = text.find(END, start)
    if start >= 0 and end >= 0:
        return text[:start] + block + text[end + len(END) :]
    gap = "" if not text else newline if text.endswith("\n") else newline * 2
    return text + gap + block + newline
