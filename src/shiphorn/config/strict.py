"""The mappings of which files are made: they take no key that is not theirs."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Strict(BaseModel):
    """A mapping that takes no other keys, and no text where a number is due."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Short(Strict):
    """A mapping that may also be written shorter, as `short` says in JSON Schema."""

    short: ClassVar[dict[str, Any]] = {"type": "string"}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Both forms."""
        reference = handler(core)
        long = handler.resolve_ref_schema(reference)
        both = {"description": long.pop("description", ""), "anyOf": [cls.short, dict(long)]}
        long.clear()
        long.update(both)
        return reference
