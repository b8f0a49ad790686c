"""One person's pipeline: packets in, readings out. Pure: it knows no clock, no file, no radio and no other person.

Strategy: decode -> time -> artefacts -> HRV window, and beside it heart rate -> usual -> spikes. The heart rate comes
from the beats only where they are electrical; optical intervals break off when the hand moves, so there, and on
wearables that send none, it comes from the wearable's own bpm. A malformed payload is a reading, not an exception.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from dsp import (
    ArtefactStage,
    Beat,
    CleanBeat,
    HeartRateSample,
    HeartRateTrace,
    HrvWindow,
    JumpGuard,
    Recovery,
    RecoveryStage,
    ReportedRate,
    Spike,
    SpikeDetector,
    SpikeStart,
    rmssd_change_pct,
)
from firmware_profiles.gatt import decode_battery_level, decode_body_sensor_location
from firmware_profiles.heart_rate_service import (
    RR_TICKS_PER_S,
    Contact,
    HeartRateMeasurement,
    MalformedMeasurement,
    decode,
)
from firmware_profiles.profiles import Profile, RrAvailability, RrUnit, Sensing
from watchlink.duplicates import DuplicateGuard
from watchlink.packets import (
    Attribute,
    AttributeRead,
    Discarded,
    DiscardReason,
    LinkChange,
    LinkState,
    Notification,
)
from watchlink.readings import (
    Battery,
    BeatReading,
    ContactReading,
    Duplicate,
    Grade,
    GradeReading,
    HeartRateReading,
    HrvAbsent,
    HrvReading,
    Late,
    Measured,
    Phase,
    Reading,
    RecoveryReading,
    RrUnitReading,
    SpikeEnded,
    SpikeStarted,
    Undecodable,
    Worn,
)
from watchlink.timing import BeatTimer
from watchlink.unit_audit import RrUnitAuditor, RrUnitVerdict

_US_PER_S: Final = 1_000_000
# Nobody reads a new RMSSD at every beat; the window of a minute hardly changes in so many seconds.
_HRV_STEP_S: Final = 5.0
# A spike of three minutes, its way to the onset and a minute before, of a fast heart.
_READABLE_BEATS: Final = 1000
# A sensor at the edge of contact flickers; what it has said for so long is told.
_CONTACT_HOLDS_US: Final = 2_000_000
# A wearable that sent this many reports without an interval does not send intervals.
_REPORTS_WITHOUT_RR: Final = 30
# The audit of the unit of intervals is looked at so often: a stretch of reports lasts that long at least.
_AUDIT_EVERY_REPORTS: Final = 30
_WORDS_PER_S: Final = {RrUnitVerdict.TICKS: RR_TICKS_PER_S, RrUnitVerdict.MILLISECONDS: 1000}
# A watch's own bpm holds until the next report; after a longer silence than this nothing is known about the time
# between.
_RATE_HOLDS_S: Final = 5.0
# Above every heart; also a rate of 0 means that the wearable has none to tell.
_MAX_HEART_RATE_BPM: Final = 250


class Pipeline:
    """Stage: one person's packets in, readings out; `flush` at the end of the session."""

    def __init__(self, *, person: str, profile: Profile) -> None:
        """`profile` says what to expect of the wearable's firmware."""
        self._person = person
        self._window = HrvWindow(step_s=_HRV_STEP_S)
        self._trace = HeartRateTrace()
        self._jumps = JumpGuard()
        self._spikes = SpikeDetector()
        self._recoveries = RecoveryStage()
        self._phase = Phase.UNKNOWN
        self._speaking = False
        self._resting = False
        # Beats from which HRV may be read, without a break, as far back as a rise may reach.
        self._readable: deque[CleanBeat] = deque(maxlen=_READABLE_BEATS)
        self._absent_reason = ""
        self._reason_before = ""
        self._readable_since_s = float("-inf")
        self._last_beat_s: float | None = None
        self._wear(profile, after_s=float("-inf"))

    def change_wearable(self, profile: Profile) -> tuple[Reading, ...]:
        """The person now wears something else: the chain of beats ends, what is usual for the person stays."""
        readings = self._end_chain() + self._carry_over()
        self._wear(profile, after_s=self._timer.last_beat_s)
        self._timer.break_chain()
        return tuple(readings)

    def enter(self, phase: Phase, *, speaking: bool, resting: bool = False) -> None:
        """From now on the session is in `phase`, this person speaks or not; `resting`: it is a baseline block."""
        if resting and not self._resting:
            self._spikes.begin_rest()
        elif self._resting and not resting:
            self._spikes.end_rest()
        self._resting = resting
        before = self._unreadable_because()
        self._phase = phase
        self._speaking = speaking
        if before and not self._unreadable_because():
            # A window that reaches back into talk or movement is as unreadable as they are: begin a new one, and keep
            # the beats out that happened before but come out of the artefact stage later.
            self._window = HrvWindow(step_s=_HRV_STEP_S)
            self._reason_before = before
            self._readable_since_s = self._last_us / _US_PER_S

    def push(self, packet: Notification | Discarded | AttributeRead | LinkChange) -> tuple[Reading, ...]:
        """Take one packet of this person's wearable; return the readings that it completes."""
        match packet:
            case Notification():
                return self._notification(packet)
            case Discarded():
                kind = Late if packet.reason is DiscardReason.LATE else Duplicate
                return (kind(person=self._person, at_us=packet.at_us),)
            case LinkChange(state=LinkState.LOST | LinkState.STALLED):
                return self._break()
            case LinkChange():
                return ()
            case AttributeRead(attribute=Attribute.BATTERY_LEVEL):
                charge_pct = decode_battery_level(packet.payload)
                if charge_pct is None:
                    return ()
                return (Battery(person=self._person, at_us=packet.at_us, charge_pct=charge_pct),)
            case AttributeRead(attribute=Attribute.BODY_SENSOR_LOCATION):
                location = decode_body_sensor_location(packet.payload)
                if location is None:
                    return ()
                return (Worn(person=self._person, at_us=packet.at_us, location=location),)
            case AttributeRead():
                return ()

    def flush(self) -> tuple[Reading, ...]:
        """The session is over: what is still held back comes out, an open spike ends as not known."""
        readings = self._end_chain()
        spikes = self._spikes.flush()
        readings += self._ended(spikes)
        readings += self._recovered(self._recoveries.flush(spikes))
        return tuple(readings)

    def _wear(self, profile: Profile, *, after_s: float) -> None:
        self._profile = profile
        self._unit = RrUnitVerdict.MILLISECONDS if profile.rr_unit is RrUnit.MILLISECONDS else RrUnitVerdict.TICKS
        self._timer = self._new_timer(after_s=after_s)
        self._auditor = None if profile.rr_unit is RrUnit.TICKS else RrUnitAuditor()
        self._reports_to_audit = _AUDIT_EVERY_REPORTS
        self._artefacts = ArtefactStage()
        self._grade: Grade | None = None
        self._reports_without_rr = 0
        self._rate_until_s = float("-inf")
        self._guard = DuplicateGuard()
        self._contact: Contact | None = None
        self._contact_said = Contact.NOT_SUPPORTED
        self._contact_since_us = 0
        self._last_us = 0
        self._rate_gap = True

    def _new_timer(self, *, after_s: float) -> BeatTimer:
        return BeatTimer(min_rr_ms=self._profile.min_rr_ms, words_per_s=_WORDS_PER_S[self._unit], after_s=after_s)

    def _notification(self, packet: Notification) -> tuple[Reading, ...]:
        if self._guard.repeats(at_us=packet.at_us, payload=packet.payload):
            return (Duplicate(person=self._person, at_us=packet.at_us),)
        self._last_us = packet.at_us
        try:
            measurement = decode(packet.payload)
        except MalformedMeasurement as fault:
            return (Undecodable(person=self._person, at_us=packet.at_us, reason=str(fault)),)
        readings: list[Reading] = [
            Measured(
                person=self._person,
                at_us=packet.at_us,
                heart_rate_bpm=measurement.heart_rate_bpm,
                contact=measurement.contact,
                energy_expended_kj=measurement.energy_expended_kj,
                rr_ticks=measurement.rr_ticks,
                reserved_flags=measurement.reserved_flags,
                surplus_octets=len(measurement.surplus),
            )
        ]
        if self._profile.contact_reliable:
            readings += self._judge_contact(packet.at_us, measurement.contact)
            if measurement.contact is Contact.ABSENT:
                readings += self._break()
                return tuple(readings)
        readings += self._judge_grade(packet.at_us, measurement)
        if self._grade in (Grade.BEAT, Grade.PULSE):
            readings += self._audit_unit(packet.at_us, measurement.rr_ticks)
            readings += self._timed(self._timer.push(at_us=packet.at_us, rr_ticks=measurement.rr_ticks))
        if self._grade in (Grade.PULSE, Grade.RATE):
            readings += self._reported_rate(packet.at_us, measurement.heart_rate_bpm)
        return tuple(readings)

    def _judge_contact(self, at_us: int, contact: Contact) -> list[Reading]:
        """Tell a change of the contact once it has held. Intervals are judged at once, by the bits of each report."""
        if contact is not self._contact_said:
            self._contact_said, self._contact_since_us = contact, at_us
        held = at_us - self._contact_since_us >= _CONTACT_HOLDS_US or self._contact is None
        if contact in (self._contact, Contact.NOT_SUPPORTED) or not held:
            return []
        self._contact = contact
        return [ContactReading(person=self._person, at_us=at_us, present=contact is Contact.PRESENT)]

    def _audit_unit(self, at_us: int, rr_words: tuple[int, ...]) -> list[Reading]:
        """Compare the intervals with the clock until it is known in which unit they are sent."""
        if self._auditor is None:
            return []
        self._auditor.push(at_us=at_us, rr_words=rr_words)
        self._reports_to_audit -= 1
        if self._reports_to_audit:
            return []
        self._reports_to_audit = _AUDIT_EVERY_REPORTS
        unit = self._auditor.verdict().unit
        if unit is RrUnitVerdict.UNDETERMINED:
            return []
        self._auditor = None
        readings: list[Reading] = [RrUnitReading(person=self._person, at_us=at_us, unit=unit)]
        if unit is not self._unit:  # what was timed before was 2.4 % off; no difference is taken across the change
            readings += self._break()
            self._unit = unit
            self._timer = self._new_timer(after_s=self._timer.last_beat_s)
            self._timer.break_chain()
        return readings

    def _break(self) -> tuple[Reading, ...]:
        """Beats will be missing from here on; those held back for their followers come out now."""
        if self._auditor is not None:
            self._auditor.break_off()
        self._rate_gap = True
        return tuple(self._end_chain())

    def _end_chain(self) -> list[Reading]:
        """No beat follows directly on those that were given: what is held back for its followers comes out."""
        readings = self._timed(self._timer.break_chain())
        return readings + self._clean_all(self._artefacts.flush())

    def _timed(self, beats: tuple[Beat, ...]) -> list[Reading]:
        readings: list[Reading] = []
        for beat in beats:
            readings += self._clean_all(self._artefacts.push(beat))
        return readings

    def _judge_grade(self, at_us: int, measurement: HeartRateMeasurement) -> list[Reading]:
        """Settle the grade by what the wearable sends, within what its profile calls usable."""
        if self._profile.rr in (RrAvailability.NO, RrAvailability.UNRELIABLE):
            grade = Grade.RATE
        elif measurement.rr_ticks:
            self._reports_without_rr = 0
            grade = Grade.BEAT if self._profile.sensing is Sensing.ELECTRICAL else Grade.PULSE
        else:
            self._reports_without_rr += 1
            if self._reports_without_rr < _REPORTS_WITHOUT_RR:
                return []
            grade = Grade.RATE
        if grade is self._grade:
            return []
        readings: list[Reading] = []
        if self._grade not in (Grade.PULSE, Grade.RATE):
            self._rate_gap = True  # the heart rate has come from elsewhere, or not at all
        if self._grade is not None and Grade.BEAT in (self._grade, grade):
            readings += self._carry_over()  # another signal, smoothed otherwise
        self._grade = grade
        readings.append(GradeReading(person=self._person, at_us=at_us, grade=grade))
        readings += self._hrv_absence(at_us / _US_PER_S)
        return readings

    def _reported_rate(self, at_us: int, heart_rate_bpm: int) -> list[Reading]:
        if not 0 < heart_rate_bpm <= _MAX_HEART_RATE_BPM:
            self._rate_gap = True
            return []
        until_s = at_us / _US_PER_S
        since_s = until_s - 1.0
        gap_before = self._rate_gap or until_s - self._rate_until_s > _RATE_HOLDS_S
        self._rate_gap = False
        self._rate_until_s = until_s
        reported = ReportedRate(
            since_s=since_s, until_s=until_s, heart_rate_bpm=float(heart_rate_bpm), gap_before=gap_before
        )
        readings: list[Reading] = []
        for rate in self._jumps.push(reported):
            samples = self._trace.push(
                since_s=rate.since_s,
                until_s=rate.until_s,
                heart_rate_bpm=rate.heart_rate_bpm,
                gap_before=rate.gap_before,
            )
            readings += self._heart_rate(samples)
        return readings

    def _clean_all(self, beats: tuple[CleanBeat, ...]) -> list[Reading]:
        readings: list[Reading] = []
        for beat in beats:
            readings += self._hrv_absence(beat.at_s)
            early = beat.at_s < self._readable_since_s
            unreadable = self._absent_reason or (self._reason_before if early else "")
            readings.append(
                BeatReading(
                    person=self._person,
                    at_s=beat.at_s,
                    at_within_s=beat.at_within_s,
                    nn_ms=beat.nn_ms,
                    label=beat.label,
                    corrected=beat.corrected,
                    gap_before=beat.gap_before,
                    gap_s=self._gap_s(beat),
                    hrv_absent_because=unreadable or None,
                )
            )
            if unreadable or self._grade is not Grade.BEAT:
                self._readable.clear()
            else:
                self._readable.append(beat)
            if not unreadable:
                readings += [HrvReading(person=self._person, metrics=metrics) for metrics in self._window.push(beat)]
            if self._grade is Grade.BEAT:
                samples = self._trace.push(
                    since_s=beat.at_s - beat.nn_ms / 1000,
                    until_s=beat.at_s,
                    heart_rate_bpm=60_000 / beat.nn_ms,
                    clean=beat.as_sent,
                    gap_before=beat.gap_before,
                )
                readings += self._heart_rate(samples)
        return readings

    def _gap_s(self, beat: CleanBeat) -> float | None:
        """How long the hole before a beat's interval is."""
        before_s, self._last_beat_s = self._last_beat_s, beat.at_s
        if not beat.gap_before or before_s is None:
            return None
        return max(0.0, beat.at_s - beat.nn_ms / 1000 - before_s)

    def _hrv_absence(self, at_s: float) -> list[Reading]:
        """Say once when HRV stops being readable, and why."""
        before, self._absent_reason = self._absent_reason, self._unreadable_because()
        if self._absent_reason in ("", before):
            return []
        return [HrvAbsent(person=self._person, at_s=at_s, reason=self._absent_reason)]

    def _unreadable_because(self) -> str:
        """Why there is no HRV at present; empty if there is."""
        if self._grade is Grade.RATE:
            return "this wearable sends no usable intervals between beats"
        if self._speaking or self._phase is Phase.TALK:
            return "talking makes breathing irregular"
        if self._phase is Phase.MOVEMENT:
            return "movement"
        if self._grade is Grade.PULSE and self._phase is not Phase.SILENT:
            return "optical intervals hold at rest only"
        return ""

    def _heart_rate(self, samples: tuple[HeartRateSample, ...]) -> list[Reading]:
        readings: list[Reading] = []
        for sample in samples:
            changes = self._spikes.push(sample, counts=self._phase is not Phase.MOVEMENT)
            usual = self._spikes.usual
            above_bpm = None if usual is None else sample.heart_rate_bpm - usual.heart_rate_bpm
            readings.append(
                HeartRateReading(
                    person=self._person,
                    at_s=sample.at_s,
                    heart_rate_bpm=sample.heart_rate_bpm,
                    usual_bpm=None if usual is None else usual.heart_rate_bpm,
                    usual_from=None if usual is None else usual.stands_on,
                    above_usual_bpm=above_bpm,
                    above_usual_spreads=None if usual is None or above_bpm is None else above_bpm / usual.spread_bpm,
                    clean=sample.clean,
                )
            )
            for change in changes:
                if isinstance(change, SpikeStart):
                    readings.append(SpikeStarted(person=self._person, start=change))
                else:
                    readings += self._ended((change,))
            readings += self._recovered(self._recoveries.push(sample, changes))
        return readings

    def _ended(self, spikes: tuple[Spike, ...]) -> list[Reading]:
        return [
            SpikeEnded(
                person=self._person,
                spike=spike,
                rmssd_change_pct=rmssd_change_pct(self._readable, at_s=spike.onset_s, until_s=spike.end_s),
            )
            for spike in spikes
        ]

    def _carry_over(self) -> list[Reading]:
        spikes = self._spikes.carry_over()
        readings = self._ended(spikes)
        return readings + self._recovered(self._recoveries.flush(spikes, cut_by="another signal began"))

    def _recovered(self, found: tuple[tuple[float, Recovery], ...]) -> list[Reading]:
        return [RecoveryReading(person=self._person, onset_s=onset_s, recovery=one) for onset_s, one in found]
