"""Questions that look alike count as one: what cannot be seen is taken out, and letters that look like Latin ones are
read as these. Keys stay as they are; this is for comparing alone.
"""

import re
import unicodedata

from intern.data.items import Row, bare, normal

MARKS = "\u0300-\u036f"  # accents, once they are apart from their letters
IGNORED = (  # Default_Ignorable_Code_Point of Unicode 15: zero width, direction, variation, fillers
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
UNSEEN = re.compile(f"[{MARKS}{IGNORED}]")
CYRILLIC = ("АВЕЅІЈКМНОРСТУХҺӀԀԚԜ", "abesijkmhopctyxhldqw")  # look-alikes, in either case, and the Latin letters
GREEK = ("ΑΒΕΖΙΚΜΟΡΤΧ", "abezikmoptx")
CASED = ("ΝΗΥνηυıɑɡ", "NHYvnuiag")  # look like one Latin letter in one case, and like another or none in the other
SIGNS = ("‘’“”′″‐‑‒–—―−", "''\"\"'\"-------")
LATIN = str.maketrans(
    CYRILLIC[0] + CYRILLIC[0].lower() + GREEK[0] + GREEK[0].lower() + CASED[0] + SIGNS[0],
    CYRILLIC[1] * 2 + GREEK[1] * 2 + CASED[1] + SIGNS[1],
)


def likeness(row: Row) -> str:
    """Return what two rows have in common if their questions look alike."""
    return normal(unmasked(bare(row)))


def unmasked(text: str) -> str:
    """Return a text as it is seen: in compatible form (NFKD), without what is unseen, look-alikes as Latin letters."""
    if text.isascii():
        return text
    return UNSEEN.sub("", unicodedata.normalize("NFKD", text)).translate(LATIN)
