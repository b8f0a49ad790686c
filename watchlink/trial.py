"""A short test of one wearable as a pure fold: packets in; what it gives, and how well, out.

Strategy: the test is a session of one person that nobody records. The readings come from the same fold as in a real
session, so that what the test promises is what a session will give; only the audit of the unit is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dsp import BeatLabel
from firmware_profiles.gatt import BodySensorLocation
from firmware_profiles.heart_rate_service import Contact
from firmware_profiles.profiles import Profile, profile_for
from watchlink.fold import SessionFold
from watchlink.packets import Attribute, AttributeRead, LinkChange, LinkState, Packet
from watchlink.readings import (
    Battery,
    BeatReading,
    Grade,
    GradeReading,
    Measured,
    Reading,
    Undecodable,
    Worn,
)
from watchlink.unit_audit import RrUnitAuditor, UnitAudit

_US_PER_S: Final = 1_000_000
# So many reports, and none with an interval: the pipeline waits longer, but a test has an end.
_REPORTS_TO_TELL: Final = 8
# A pause that is longer than this many usual ones has a hole in it.
_HOLE_PERIODS: Final = 1.6
_MAX_HEART_RATE_BPM: Final = 250
GOOD_ENOUGH_PCT: Final = 80


class ContactSeen(StrEnum):
    """What the wearable said of its contact with the skin."""

    NOT_TOLD = "not told"
    HELD = "held"
    LOST = "lost at times"
    NEVER = "never"
    DOUBTFUL = "told, but not to be believed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialVerdict:
    """What a test has shown.

    Attributes:
        grade: None if too little came to tell.
        good_pct: share of the time, since the first report, that is covered by good beats (rate grade: by reports with
            a heart rate), 0..100.
        enough: whether that is enough for a session.
        seconds: from the first report to the end.
        reports: how many came.
        reports_with_rr: how many of them brought intervals.
        beats: beats made of these intervals.
        good_beats: those that needed no correction.
        lowest_bpm, highest_bpm: heart rate as the wearable said it; None if it said none.
        contact: contact with the skin.
        battery_pct: None if not told.
        location: where it says that it sits; None if not told.
        losses: how often the link was lost.
        undecodable: reports that were no heart rate.
        audit: the unit of the intervals.
    """

    grade: Grade | None
    good_pct: int
    enough: bool
    seconds: float
    reports: int
    reports_with_rr: int
    beats: int
    good_beats: int
    lowest_bpm: int | None
    highest_bpm: int | None
    contact: ContactSeen
    battery_pct: int | None
    location: BodySensorLocation | None
    losses: int
    undecodable: int
    audit: UnitAudit


class Trial:
    """Stage: one wearable's packets in, a verdict at the end. Nothing is kept of what came."""

    def __init__(self, *, profile: Profile, name: str) -> None:
        """`profile` is what the wearable is taken for, `name` what it advertises."""
        self._profile = profile
        self._name = name
        self._fold = SessionFold()
        self._audit = RrUnitAuditor()
        self.link: LinkChange | None = None
        """The latest change of the link."""
        self.first_us: int | None = None
        """When the first report with a heart rate came: here the test begins."""
        self.heart_rate_bpm: int | None = None
        """What it said last; None if it said none."""
        self._last_us = 0
        self._pauses_us: list[int] = []
        self._grade: Grade | None = None
        self._reports = self._with_rr = self._with_rate = self._undecodable = self._losses = 0
        self._beats = self._good_beats = 0
        self._good_beats_s = 0.0
        self._rates: list[int] = []
        self._contacts: set[Contact] = set()
        self._battery_pct: int | None = None
        self._location: BodySensorLocation | None = None
        self._said: dict[Attribute, str] = {}

    def take(self, packet: Packet) -> None:
        """Take one packet of the wearable."""
        match packet:
            case LinkChange():
                self.link = packet
                self._losses += packet.state is LinkState.LOST and self.first_us is not None
                if packet.state in (LinkState.LOST, LinkState.STALLED):
                    self._audit.break_off()
            case AttributeRead():
                self._said[packet.attribute] = packet.payload.decode(errors="replace").strip("\x00 ")
            case _:
                pass
        for reading in self._fold.push(packet):
            self._note(reading)

    def described_as(self) -> Profile:
        """What it is taken for, judged also by what it has said of itself."""
        return profile_for(
            name=self._name,
            manufacturer_name=self._said.get(Attribute.MANUFACTURER_NAME, ""),
            model_number=self._said.get(Attribute.MODEL_NUMBER, ""),
        )

    def covered_pct(self, until_us: int) -> int:
        """Share of the time from the first report to `until_us` in which reports came; 0 before the first."""
        return round(100 * self._covered(until_us))

    def end(self, until_us: int) -> TrialVerdict:
        """The test is over, at `until_us`; call it once."""
        for reading in self._fold.flush():
            self._note(reading)
        seconds = 0.0 if self.first_us is None else (until_us - self.first_us) / _US_PER_S
        grade = self._grade
        if grade is None and not self._with_rr and self._reports >= _REPORTS_TO_TELL:
            grade = Grade.RATE
        good = self._covered(until_us)
        if not self._reports:
            good = 0.0
        elif grade is Grade.RATE:
            good *= self._with_rate / self._reports
        elif seconds:
            good = min(good, self._good_beats_s / seconds)
        good_pct = max(0, min(100, round(100 * good)))
        return TrialVerdict(
            grade=grade,
            good_pct=good_pct,
            enough=grade is not None and good_pct >= GOOD_ENOUGH_PCT,
            seconds=seconds,
            reports=self._reports,
            reports_with_rr=self._with_rr,
            beats=self._beats,
            good_beats=self._good_beats,
            lowest_bpm=min(self._rates, default=None),
            highest_bpm=max(self._rates, default=None),
            contact=self._contact(),
            battery_pct=self._battery_pct,
            location=self._location,
            losses=self._losses,
            undecodable=self._undecodable,
            audit=self._audit.verdict(),
        )

    def _note(self, reading: Reading) -> None:
        match reading:
            case Measured():
                self._note_report(reading)
            case GradeReading():
                self._grade = reading.grade
            case BeatReading():
                self._beats += 1
                if reading.label is BeatLabel.NORMAL and not reading.corrected:
                    self._good_beats += 1
                    self._good_beats_s += reading.nn_ms / 1000
            case Battery():
                self._battery_pct = reading.charge_pct
            case Worn():
                self._location = reading.location
            case Undecodable():
                self._undecodable += 1
            case _:
                pass

    def _note_report(self, report: Measured) -> None:
        has_rate = 0 < report.heart_rate_bpm <= _MAX_HEART_RATE_BPM
        if self.first_us is None:
            if not has_rate:  # just put on: it has not found the pulse yet
                return
            self.first_us = report.at_us
        else:
            self._pauses_us.append(report.at_us - self._last_us)
        self._last_us = report.at_us
        self._reports += 1
        self._with_rr += bool(report.rr_ticks)
        self._contacts.add(report.contact)
        if has_rate:
            self.heart_rate_bpm = report.heart_rate_bpm
            self._with_rate += 1
            self._rates.append(report.heart_rate_bpm)
        else:
            self.heart_rate_bpm = None
        if report.contact is Contact.ABSENT and self._profile.contact_reliable:
            self._audit.break_off()
        else:
            self._audit.push(at_us=report.at_us, rr_words=report.rr_ticks)

    def _covered(self, until_us: int) -> float:
        """Share of the time in which reports came as they usually do, 0..1."""
        if self.first_us is None or until_us <= self.first_us:
            return 0.0
        # Of the shorter pauses: even where every second report is lost, they are the usual ones.
        usual_us = sorted(self._pauses_us)[len(self._pauses_us) // 4] if self._pauses_us else _US_PER_S
        pauses_us = (*self._pauses_us, until_us - self._last_us)
        missed_us = sum(pause_us - usual_us for pause_us in pauses_us if pause_us > _HOLE_PERIODS * usual_us)
        return max(0.0, 1 - missed_us / (until_us - self.first_us))

    def _contact(self) -> ContactSeen:
        if not self._contacts & {Contact.PRESENT, Contact.ABSENT}:
            return ContactSeen.NOT_TOLD
        if not self._profile.contact_reliable:
            return ContactSeen.DOUBTFUL
        if Contact.ABSENT not in self._contacts:
            return ContactSeen.HELD
        return ContactSeen.LOST if Contact.PRESENT in self._contacts else ContactSeen.NEVER
