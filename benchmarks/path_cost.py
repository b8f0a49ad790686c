"""The whole path from payload to readings, per notification, against decoding alone and against NeuroKit2 at each beat.

NeuroKit2 gets the same 60 s of intervals at each beat that our window stands on: `signal_fixpeaks` (Kubios method) and
`hrv_time`. It is timed on every 40th beat of the same half hour; its cost does not depend on which.
"""

from __future__ import annotations

import time
import warnings

from sessions import demo_packets

from firmware_profiles.heart_rate_service import decode
from watchlink.fold import SessionFold
from watchlink.packets import Notification
from watchlink.readings import BeatReading, Measured

_EVERY = 40
_MINUTES = 30


def main() -> None:
    _, packets = demo_packets(seed=1, people=1)
    packets = [packet for packet in packets if packet.at_us < _MINUTES * 60e6]
    payloads = [packet.payload for packet in packets if isinstance(packet, Notification)]

    started = time.perf_counter()
    for payload in payloads:
        decode(payload)
    decode_us = 1e6 * (time.perf_counter() - started) / len(payloads)

    fold = SessionFold()
    beats: list[BeatReading] = []
    rr_ms: list[float] = []
    started = time.perf_counter()
    for packet in packets:
        for reading in fold.push(packet):
            if isinstance(reading, BeatReading):
                beats.append(reading)
            elif isinstance(reading, Measured):
                rr_ms += [ticks * 1000 / 1024 for ticks in reading.rr_ticks]
    path_us = 1e6 * (time.perf_counter() - started) / len(payloads)

    print(f"{len(payloads)} notifications of a strap, {len(beats)} beats")
    print(f"decoding alone             {decode_us:10.1f} us a notification        1 x")
    print(f"payload to readings        {path_us:10.1f} us a notification {path_us / decode_us:8.0f} x decoding")
    peer_us = neurokit_us(rr_ms)
    if peer_us is None:
        print("NeuroKit2 is not installed: pip install -c constraints.txt -e '.[peers]'")
    else:
        ratio = f"{peer_us / path_us:8.0f} x payload to readings"
        print(f"NeuroKit2, 60 s window     {peer_us:10.1f} us a beat         {ratio}")


def neurokit_us(rr_ms: list[float]) -> float | None:
    """Microseconds a beat for artefact correction and time-domain HRV of the last 60 s; None without NeuroKit2."""
    try:
        import neurokit2
    except ImportError:
        return None
    import numpy as np

    peaks_ms = np.cumsum(rr_ms).round().astype(int)
    spent_s, runs = 0.0, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for end in range(200, len(peaks_ms), _EVERY):
            window = peaks_ms[(peaks_ms > peaks_ms[end] - 60_000) & (peaks_ms <= peaks_ms[end])]
            window = window - window[0]
            started = time.perf_counter()
            _, corrected = neurokit2.signal_fixpeaks(window, sampling_rate=1000, method="Kubios")
            neurokit2.hrv_time(np.asarray(corrected), sampling_rate=1000)
            spent_s += time.perf_counter() - started
            runs += 1
    return 1e6 * spent_s / runs


if __name__ == "__main__":
    main()
