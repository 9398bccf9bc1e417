"""The horn: a ship's horn, synthesised, and played where the machine can play sound."""

from __future__ import annotations

import array
import asyncio
import io
import math
import random
import shutil
import sys
import tempfile
import wave
from pathlib import Path

from shiphorn.adapters.programs import end, start

RATE = 22_050
SECONDS = 2.4
PLAY_LIMIT_SECONDS = 6.0
_PLAYERS = (
    ("paplay",),
    ("pw-play",),
    ("aplay", "-q"),
    ("afplay",),
    ("play", "-q"),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "quiet"),
)
# Two reeds a fifth apart, each with a slightly detuned twin that makes the tone beat.
_REEDS = ((98.0, 1.0), (98.6, 0.8), (146.8, 0.7), (147.9, 0.5))
_HARMONICS = (1.0, 0.55, 0.45, 0.3, 0.22, 0.15, 0.1, 0.06)
_TABLE_SIZE = 2048


def horn_wave(seconds: float = SECONDS) -> bytes:
    """The sound as a WAV file: 16 bit, mono, 22050 Hz."""
    table = _reed_table()
    count = int(seconds * RATE)
    breath = random.Random(1912)  # noqa: S311 - noise, and the same at every call
    steps = [(frequency * _TABLE_SIZE / RATE, level) for frequency, level in _REEDS]
    samples = array.array("h", bytes(2 * count))
    for number in range(count):
        value = sum(level * table[int(number * step) % _TABLE_SIZE] for step, level in steps)
        value += breath.uniform(-0.05, 0.05)
        samples[number] = int(7_000 * value * _envelope(number / RATE, seconds))
    if sys.byteorder == "big":
        samples.byteswap()
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return target.getvalue()


async def play(sound: bytes) -> bool:
    """Play a WAV; False if this machine cannot. Takes six seconds at most."""
    for player in _PLAYERS:
        if shutil.which(player[0]):
            return await _play_with(player, sound)
    return False


async def _play_with(player: tuple[str, ...], sound: bytes) -> bool:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        Path(file.name).write_bytes(sound)
        process = await start([*player, file.name])
        try:
            async with asyncio.timeout(PLAY_LIMIT_SECONDS):
                await process.communicate()
        except TimeoutError:
            return False
        finally:
            if process.returncode is None:
                await end(process, grace_seconds=0.2)
    return process.returncode == 0


def _reed_table() -> list[float]:
    peak = sum(_HARMONICS)
    return [
        sum(
            level * math.sin(2 * math.pi * place * (number + 1) / _TABLE_SIZE + number * number * 0.7)
            for number, level in enumerate(_HARMONICS)
        )
        / peak
        for place in range(_TABLE_SIZE)
    ]


def _envelope(at_seconds: float, seconds: float) -> float:
    """Air fills the horn, and leaves it."""
    rise = min(1.0, at_seconds / 0.18)
    fall = min(1.0, (seconds - at_seconds) / 0.45)
    return rise * rise * math.sqrt(max(0.0, fall) ** 3)
