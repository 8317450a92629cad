"""Scalars out of TensorBoard event files, without TensorBoard.

A file is a sequence of records: length (uint64), its checksum, a protobuf ``Event``, its checksum
(masked CRC-32C). Reading scalars takes a few field numbers (Event: wall_time 1, step 2, summary 5,
session_log 7; Summary.Value: tag 1, simple_value 2, tensor 8).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError

POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), reflected
CHECKED = 4096
"""Longest record whose content is checked against its checksum; scalars are far shorter."""
SESSION_START = 1


@dataclass(frozen=True)
class Session:
    """What one event file holds: a run of a program, or its continuation.

    Attributes
    ----------
    path
        The file.
    wall_time
        Of its first event, seconds.
    start
        The step from which it replaces what earlier sessions logged.
    rows
        One scalar each: ``{"step": ..., tag: value}``, in the order of writing.
    """

    path: Path
    wall_time: float
    start: float
    rows: tuple[dict[str, Any], ...]


def read_session(path: Path) -> Session:
    """Read an event file; half a record at its end (a run that was killed) is left out.

    Raises
    ------
    InputError
        If a checksum says that the file is damaged, or a record is no event; the byte is named.
    """
    wall: float | None = None
    told: list[int] = []
    rows: list[dict[str, Any]] = []
    for at, record in _records(path):
        try:
            event = _fields(record)
            if wall is None and 1 in event:
                (wall,) = struct.unpack("<d", event[1][0])
            step = event.get(2, [0])[0]
            for log in event.get(7, []):
                if _fields(log).get(1, [0])[0] == SESSION_START and step:
                    told.append(step)
            rows += [{"step": step, tag: number} for tag, number in _scalars(event)]
        except (IndexError, KeyError, TypeError, AttributeError, ValueError, struct.error):
            raise InputError(f"{path}: damaged, no event at byte {at}; copy it again") from None
    # What is logged at step 0 again (a program's options) undoes nothing.
    first = min((row["step"] for row in rows if row["step"] > 0), default=0)
    return Session(path, wall or 0.0, min([*told, first]), tuple(rows))


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    data, at = path.read_bytes(), 0
    while at + 12 <= len(data):
        length, check = struct.unpack_from("<QI", data, at)
        if _masked(data[at : at + 8]) != check:
            raise InputError(f"{path}: damaged at byte {at} (checksum); copy it again")
        record = data[at + 12 : at + 12 + length]
        if at + 16 + length > len(data):
            return
        (check,) = struct.unpack_from("<I", data, at + 12 + length)
        if length <= CHECKED and _masked(record) != check:
            raise InputError(f"{path}: damaged at byte {at + 12} (checksum); copy it again")
        yield at, record
        at += 16 + length


def _scalars(event: dict[int, list[Any]]) -> Iterator[tuple[str, float]]:
    for summary in event.get(5, []):
        for value in _fields(summary).get(1, []):
            fields = _fields(value)
            number = _scalar(fields)
            if number is not None:
                yield fields[1][0].decode(), number


def _scalar(fields: dict[int, list[Any]]) -> float | None:
    if 2 in fields:
        return float(struct.unpack("<f", fields[2][0])[0])
    if 8 in fields:
        tensor = _fields(fields[8][0])
        raw = (tensor.get(5) or tensor.get(4) or [b""])[0]
        return float(struct.unpack("<f", raw[:4])[0]) if len(raw) == 4 else None
    return None


def _fields(message: bytes) -> dict[int, list[Any]]:
    """Split a protobuf message into its fields: varints as int, the rest as bytes."""
    fields: dict[int, list[Any]] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        value: Any
        if kind == 0:
            value, at = _varint(message, at)
        else:
            size, at = _varint(message, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = message[at : at + size], at + size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = _table()


def _masked(data: bytes) -> int:
    """CRC-32C (RFC 3720, appendix B.4), rotated and shifted as TFRecord files keep it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
