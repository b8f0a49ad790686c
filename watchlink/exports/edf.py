"""EDF+: intervals as a signal of 4 Hz, heart rate of 1 Hz, and an annotation for every beat, gap and event.

Strategy: EDF knows evenly sampled signals only, so the tachogram is interpolated: along the straight line between the
ends of neighbouring clean intervals, never over a gap. Where nothing is known both signals are 0, which no heart has.
The beats themselves are annotations, to 0.1 ms.

The trap: what does not fit into the annotation signals (one text a second and signal, by default one signal) is dropped
without a word. So there are as many signals as needed, and the file is read again and counted before it is put in its
place; one that lost anything is never left behind.

References:
    B. Kemp, J. Olivan, "European data format 'plus' (EDF+)", Clin. Neurophysiol. 114(9), 2003,
    doi 10.1016/S1388-2457(03)00123-8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from errno import ENOSPC
from math import ceil, floor
from pathlib import Path
from typing import Any, Final

from dsp import tachogram
from watchlink import __version__
from watchlink.errors import ExportError
from watchlink.exports.cells import event_words
from watchlink.exports.libraries import library
from watchlink.exports.part import Part
from watchlink.files import safe_name

TACHOGRAM_HZ: Final = 4
HEART_RATE_HZ: Final = 1
UNKNOWN: Final = 0.0
"""What both signals are where nothing is known."""
# Steps that the eight letters which EDF has for a limit say exactly: 1/8 ms and 1/100 bpm.
_DIGITAL_MAX: Final = 32767
_STEPS_PER_MS: Final = 8
_STEPS_PER_BPM: Final = 100
# Of the format's library: 64 annotation signals. A text has room for about 40 letters; a longer one is cut.
_MOST_SIGNALS: Final = 64
_LONGEST_TEXT_OCTETS: Final = 39
# Two-digit years up to 2084, in EDF's own words.
_FIRST_YEAR: Final = 1985
_US_PER_S: Final = 1_000_000
_HEADER_OCTETS: Final = 256


def write(part: Part, folder: Path, *, stem: str) -> None:
    """Write `<stem>.edf` into a folder.

    Raises:
        ExportError: the library is missing, or not everything would be in the file.
    """
    edf = library("pyedflib", extra="edf", what="EDF+")
    begin_s = _begin_s(part)
    length_s = max(1, ceil(part.duration_s - begin_s))
    annotations = _annotations(part, begin_s)
    signals = ceil(len(annotations) / length_s) + 1
    if signals > _MOST_SIGNALS:
        raise ExportError(
            f"EDF+ has no room for {len(annotations)} marks in {length_s} s. Export to csv or bids instead."
        )
    file = folder / f"{stem}.edf"
    samples = _samples(part, begin_s, length_s)
    writer: Any = edf.EdfWriter(str(file), len(samples), file_type=edf.FILETYPE_EDFPLUS)
    try:
        writer.setHeader(_header(part, begin_s))
        writer.setSignalHeaders(
            [
                _signal("RR intervals", "ms", TACHOGRAM_HZ, _STEPS_PER_MS),
                _signal("Heart rate", "bpm", 1, _STEPS_PER_BPM),
            ]
        )
        writer.set_number_of_annotation_signals(signals)
        writer.writeSamples(samples, digital=True)
        for onset_s, text in annotations:
            writer.writeAnnotation(onset_s, -1, text)
    finally:
        writer.close()
    _check(edf, file, annotations, [len(signal) for signal in samples])


def _begin_s(part: Part) -> float:
    """Where the file begins on the session's axis: at the last whole second of UTC before anything in it.

    EDF has a place for a part of a second, which the library fills in wrongly.
    """
    rates_s = (one.at_s for one in part.heart_rate)
    earliest_s = min((0.0, *rates_s, *(onset_s for onset_s, _ in _marked(part))))
    part_of_second_s = part.started_at.microsecond / _US_PER_S
    return floor(earliest_s + part_of_second_s) - part_of_second_s


def _marked(part: Part) -> list[tuple[float, str]]:
    """Everything that becomes an annotation: when, and its words."""
    marked = [(event.happened_us / _US_PER_S, event_words(event)) for event in part.events]
    for beat, nn_ms in part.clean_beats:
        if beat.gap_before:
            marked.append((beat.at_s - nn_ms / 1000, "gap" if beat.gap_s is None else f"gap of {beat.gap_s:.1f} s"))
        marked.append((beat.at_s, f"beat {beat.label}{' corrected' if beat.corrected else ''}"))
    return marked


def _annotations(part: Part, begin_s: float) -> list[tuple[float, str]]:
    return sorted((max(0.0, round(at_s - begin_s, 4)), _cut(text)) for at_s, text in _marked(part))


def _cut(text: str) -> str:
    """As much of a text as an annotation holds."""
    octets = text.encode()
    if len(octets) <= _LONGEST_TEXT_OCTETS:
        return text
    return octets[: _LONGEST_TEXT_OCTETS - 3].decode(errors="ignore") + "..."


def _header(part: Part, begin_s: float) -> dict[str, object]:
    """Whose it is and when it was; ASCII and no spaces, as EDF asks for."""
    undated = datetime(_FIRST_YEAR, 1, 1, tzinfo=part.started_at.tzinfo)
    started_at = part.started_at if part.dated else undated
    return {
        "patientname": safe_name(part.person, joiner="_"),
        "patientcode": "",
        "patient_additional": "",
        "sex": None,
        "birthdate": "",
        "admincode": "",
        "technician": "",
        "equipment": f"watchlink_{__version__}",
        "recording_additional": "UTC" if part.dated else "undated",
        "startdate": started_at + timedelta(seconds=begin_s),
    }


def _signal(label: str, unit: str, hz: int, steps: int) -> dict[str, object]:
    return {
        "label": label,
        "dimension": unit,
        "sample_frequency": hz,
        "physical_min": 0.0,
        "physical_max": _DIGITAL_MAX / steps,
        "digital_min": 0,
        "digital_max": _DIGITAL_MAX,
        "transducer": "",
        "prefilter": "0 where not known",
    }


def _samples(part: Part, begin_s: float, length_s: int) -> list[Any]:
    """Both signals as the whole numbers that are stored."""
    beats = part.clean_beats
    intervals_ms = tachogram(
        [beat.at_s for beat, _ in beats],
        [nn_ms for _, nn_ms in beats],
        [beat.gap_before for beat, _ in beats],
        since_s=begin_s,
        count=length_s * TACHOGRAM_HZ,
        hz=TACHOGRAM_HZ,
        otherwise=UNKNOWN,
    )
    rates_bpm = tachogram([], [], [], since_s=begin_s, count=length_s, hz=HEART_RATE_HZ, otherwise=UNKNOWN)
    for one in part.heart_rate:
        second = floor(one.at_s - begin_s)
        if 0 <= second < length_s:
            rates_bpm[second] = one.heart_rate_bpm
    return [
        (values * steps).round().clip(0, _DIGITAL_MAX).astype("int32")
        for values, steps in ((intervals_ms, _STEPS_PER_MS), (rates_bpm, _STEPS_PER_BPM))
    ]


def _check(edf: Any, file: Path, annotations: Sequence[tuple[float, str]], lengths: Sequence[int]) -> None:
    """Read the file again: it holds everything, or it is no good.

    Raises:
        ExportError: something is missing in it.
        OSError: it is cut off; the library does not say that the disk was full.
    """
    if not _is_whole(file):
        raise OSError(ENOSPC, "EDF+ was cut off while it was written", str(file))
    with edf.EdfReader(str(file)) as reader:
        onsets_s, _, texts = reader.readAnnotations()
        held = Counter((round(float(at_s), 4), str(text)) for at_s, text in zip(onsets_s, texts, strict=True))
        whole = [int(count) for count in reader.getNSamples()] == list(lengths)
    lost = Counter(annotations) - held
    if lost or not whole:
        raise ExportError(
            f"EDF+ would have lost {lost.total()} of {len(annotations)} marks, so the file was not kept. "
            "Export to csv or bids instead."
        )


def _is_whole(file: Path) -> bool:
    """Whether a file is as long as its header says. The library finds that out, too, but prints on standard output."""
    with file.open("rb") as opened:
        head = opened.read(_HEADER_OCTETS)
        if len(head) < _HEADER_OCTETS:
            return False
        signals = int(head[252:256])
        of_signals = opened.read(_HEADER_OCTETS * signals)
    # Samples a record, eight letters a signal, come after 216 octets a signal.
    counts = of_signals[216 * signals : 224 * signals]
    samples = sum(int(counts[8 * at : 8 * at + 8]) for at in range(signals))
    return file.stat().st_size == int(head[184:192]) + 2 * samples * int(head[236:244])
