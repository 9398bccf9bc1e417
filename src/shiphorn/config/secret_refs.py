"""Values that are secret: `{secret: NAME}`, and what NAME is stands under `secrets`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from shiphorn.config.positions import Key
from shiphorn.model.settings import SecretRef

SECRET_JSON: dict[str, Any] = {
    "type": "object",
    "properties": {"secret": {"type": "string"}},
    "required": ["secret"],
    "additionalProperties": False,
}


def secret(value: Any) -> SecretRef:
    """The secret that is named. Raises ValueError."""
    match value:
        case {"secret": str(name), **rest} if not rest and name:
            return SecretRef(name)
        case _:
            # What stands there may be the secret itself, so that it is not repeated.
            raise ValueError("it has to be {secret: NAME}, with that secret under secrets")


Secret = Annotated[Any, AfterValidator(secret), WithJsonSchema(SECRET_JSON)]


def lacking(data: Mapping[str, Any], *keys: str) -> list[tuple[Key, str]]:
    """Secrets that are named below these keys of a file, and that nobody defined: (key, what) pairs."""
    known = data.get("secrets")
    names = known if isinstance(known, dict) else {}
    return [
        (place, f"the secret {name} is not defined under secrets")
        for key in keys
        for place, name in _named(data.get(key), (key,))
        if name not in names
    ]


def _named(data: Any, place: Key) -> Iterator[tuple[Key, str]]:
    """Every secret that is named, of a file that may be wrong in any way."""
    pairs: list[tuple[str | int, Any]] = []
    if isinstance(data, dict):
        if list(data) == ["secret"] and isinstance(data["secret"], str):
            yield place, data["secret"]
            return
        pairs = list(data.items())
    elif isinstance(data, list):
        pairs = list(enumerate(data))
    for key, value in pairs:
        yield from _named(value, (*place, key))
