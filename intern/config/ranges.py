"""What a value may be: ranges of numbers and forms of text, each with words for what does not fit."""

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from intern.config import column

STRICT = ConfigDict(extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)

Count = Annotated[int, Field(ge=1, le=10**7)]
Size = Annotated[int, Field(ge=1, le=10**5)]
Natural = Annotated[int, Field(ge=0, le=10**9)]
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, le=1e9)]
Unit = Annotated[float, Field(ge=0, le=1)]
FORMS = {  # pattern → what a value that it does not fit should have been
    r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$": "a text of one line that is not blank",
    r"^[^\x00-\x1f\x7f]*$": "a text of one line",
    r"^[^/\\\x00-\x1f.\s][^/\\\x00-\x1f]*$": "a plain name, without / and without . or a space at its start",
    r"\{question\}": "a text that says with {question} where the question stands",
    r"^[A-Za-z0-9][\w.-]*==[\w.]+$": "a package as NAME==VERSION",
    r"^\w[\w-]*(/\w[\w-]*)*$": "a folder below lm_eval/tasks, such as gpqa/zeroshot",
    r"^https?://[\w.-]+(:\d{1,5})?(/[\w./-]*)?$": "the address of a service, https://HOST or http://HOST:PORT",
    r"^http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(/[\w./-]*)?$": "a server on this machine, http://127.0.0.1:PORT",
}
LINE, NOTED, PLAIN, ASKS, PACKAGED, BELOW, ADDRESSED, LOOPBACK = FORMS
PathName = Annotated[str, Field(pattern=PLAIN, max_length=200)]
Text = Annotated[str, Field(pattern=LINE, max_length=4000)]
Note = Annotated[str, Field(pattern=NOTED, max_length=500)]


def mapped(columns: Any) -> Any:
    """Return what makes each of our columns, as it was given."""
    if not isinstance(columns, dict):
        return columns
    try:
        return column.checked_all(columns)
    except ValueError as error:
        raise PydanticCustomError("columns", "{why}", {"why": str(error)}) from None


Columns = Annotated[dict[str, Any], BeforeValidator(mapped)]


class Section:
    """A part of the config: unknown keys are faults, and so are numbers that are not finite."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
