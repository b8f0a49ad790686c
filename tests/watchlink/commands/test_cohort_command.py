"""`watchlink cohort` as a person meets it: everything goes through the program's `main`, answers through its input."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from watchlink.archive import Archive, SessionKind
from watchlink.clock import utc_now
from watchlink.cohorts import Cohort, Member, load_cohorts, put, save_cohorts
from watchlink.commands import main
from watchlink.consent import ALWAYS, WORDS, wording
from watchlink.devices import Device, LastTest, load_devices, save_devices
from watchlink.measures import Measure
from watchlink.packets import Purpose, Seat
from watchlink.readings import Grade
from watchlink.unit_audit import RrUnitVerdict

_DAY = date(2026, 3, 1)
_STEERING = "Li\x1b[31mons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    code: int | str | None
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """What a refusal says, without the frame that is drawn around it."""
        return " ".join(word for word in self.err.split() if word not in "│╭╮╰╯─")


Run = Callable[..., Outcome]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "watchlink" / "cohorts.json"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `watchlink cohort` in this process; `typed` is what the person types, and then no more."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("TERM", "dumb")

    def run_main(*arguments: object, typed: str | io.StringIO = "") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["watchlink", "cohort", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed) if isinstance(typed, str) else typed)
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "\x1b" not in out + err
        return Outcome(code=code or 0, out=out, err=err)

    return run_main


@pytest.fixture
def lions(run: Run, path: Path) -> Path:
    """A cohort of three, made by the command."""
    assert run("new", "Lions", "Heron", "Otter", "Wren").code == 0
    return path


def _only(path: Path) -> Cohort:
    (one,) = load_cohorts(path)
    return one


def _member(path: Path, alias: str) -> Member:
    member = _only(path).member(alias)
    assert member is not None
    return member


def _device(alias: str, *, grade: Grade | None = Grade.BEAT) -> Device:
    return Device(
        alias=alias,
        profile="polar-h10",
        name="Polar H10 1A2B",
        identity=None,
        address=None,
        paired_on=_DAY,
        tested=LastTest(grade=grade, rr_unit=RrUnitVerdict.TICKS, good_pct=98),
    )


# --- new and list ----------------------------------------------------------------------------------------------------


def test_a_new_cohort_has_its_people_in_order_and_nobody_shares_anything(run: Run, tmp_path: Path, path: Path) -> None:
    save_devices(tmp_path / "devices.json", [_device("otter")])
    made = run("new", "Lions", "Heron", "Otter", "Wren", "--devices", tmp_path / "devices.json")
    assert (made.code, made.out) == (0, "Lions: Heron, Otter, Wren.\n")
    assert "Without a wearable so far: Heron, Wren." in made.err
    assert "watchlink cohort share Lions Heron" in made.err
    assert _only(path).members == tuple(Member(alias=alias) for alias in ("Heron", "Otter", "Wren"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Lions"], "Missing argument 'ALIAS...'"),
        (["Bears", *map(chr, range(65, 74))], "A cohort has 1 to 8 people; these are 9."),
        (["Bears", "Heron", "heron"], "Two people have the same pseudonym; everybody needs their own."),
        (["Bears", "1st", "2 b"], "'2 b': a pseudonym does not begin with a number"),
        (["a=b", "Heron"], "A cohort's name is a plain word or two"),
        (["LIONS", "Marten"], "There is a cohort called LIONS already. watchlink cohort show LIONS"),
    ],
)
def test_a_cohort_that_cannot_be_is_refused_and_nothing_is_kept(
    run: Run, lions: Path, arguments: list[str], words: str
) -> None:
    before = lions.read_bytes()
    refused = run("new", *arguments)
    assert refused.code == 2
    assert words in refused.refusal
    assert lions.read_bytes() == before


def test_the_list_names_everybody_and_what_is_closed(run: Run, path: Path) -> None:
    nothing = run("list")
    assert (nothing.code, nothing.out) == (0, "")
    assert "There is no cohort yet" in nothing.err
    assert run("list", "--json").out == ""
    lions = Cohort(name="Lions", members=(Member(alias="Heron"), Member(alias="Otter")), made_on=_DAY)
    bears = Cohort(
        name="bears", members=(Member(alias="Wren"),), made_on=_DAY, closed_on=date(2026, 5, 1), keep_days=3650
    )
    save_cohorts(path, [lions, bears])
    assert run("list").out.splitlines() == [
        "bears: Wren; since 2026-03-01, closed 2026-05-01",
        "Lions: Heron, Otter; since 2026-03-01",
    ]
    assert [json.loads(line)["cohort"] for line in run("list", "--json").out.splitlines()] == ["bears", "Lions"]


class _Keyboard(io.StringIO):
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.mark.parametrize(
    ("options", "typed", "declared"),
    [
        ([], "", (Measure.RESPONSE, "escalation")),
        (["--event", "blame"], "", (Measure.RESPONSE, "blame")),
        (["--primary", "recovery"], "", (Measure.RECOVERY, "")),
        (["--primary", "resting-heart-rate"], "", (Measure.RESTING_HEART_RATE, "")),
        ([], _Keyboard("\n"), (Measure.RESPONSE, "escalation")),
        ([], _Keyboard("7\n3\n"), (Measure.RESTING_VARIABILITY, "")),
    ],
)
def test_a_new_cohort_declares_one_measure_with_its_day_and_digest(
    run: Run, path: Path, options: list[str], typed: str | io.StringIO, declared: tuple[Measure, str]
) -> None:
    made = run("new", "Lions", "Heron", *options, typed=typed)
    assert made.code == 0
    primary = _only(path).primary
    assert primary is not None
    assert (primary.measure, primary.label, primary.declared_on) == (*declared, _only(path).made_on)
    assert primary.digest in made.err
    assert json.loads(run("show", "Lions", "--json").out)["primary"]["digest"] == primary.digest
    assert primary.text in run("show", "Lions").err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--primary", "[red]happiness"], "'[red]happiness' is no measure. Say one of response,"),
        (["--primary", "recovery", "--event", "blame"], "--event is for --primary response."),
        (["--event", " "], "--event is a mark of the plan"),
    ],
)
def test_what_is_no_measure_is_refused_and_no_cohort_is_made(
    run: Run, path: Path, options: list[str], words: str
) -> None:
    refused = run("new", "Lions", "Heron", *options)
    assert refused.code == 2
    assert words in refused.refusal
    assert not path.exists()


# --- show ------------------------------------------------------------------------------------------------------------


def test_show_tells_numbers_wearables_and_who_has_to_be_asked_again(run: Run, tmp_path: Path, path: Path) -> None:
    members = (
        Member(alias="Heron", shares=frozenset({Purpose.RISES, Purpose.HRV}), agreed_on=_DAY, wording=wording()),
        Member(alias="Otter", shares=frozenset({Purpose.RAW}), agreed_on=_DAY, wording="0:of before"),
        Member(alias="Wren", agreed_on=_DAY, wording=wording()),
        Member(alias="Ibis"),
    )
    save_cohorts(path, [Cohort(name="Lions", members=members, made_on=_DAY, closed_on=_DAY, keep_days=3650)])
    save_devices(tmp_path / "devices.json", [_device("heron"), _device("Wren", grade=None)])
    shown = run("show", "lions", "--devices", tmp_path / "devices.json")
    title, _, heron, otter, wren, ibis = (" ".join(line.split()) for line in shown.out.splitlines())
    assert (shown.code, title) == (0, "Lions, since 2026-03-01, closed 2026-03-01")
    assert heron == "1 Heron Polar H10 beat, 98 % good rises, hrv 2026-03-01"
    assert otter == "2 Otter none paired raw 2026-03-01, older words"
    assert wren == "3 Wren Polar H10 unknown, 98 % good nothing 2026-03-01"
    assert ibis == "4 Ibis none paired not asked yet"


def test_show_as_json_says_the_same_for_other_programs(run: Run, lions: Path) -> None:
    assert run("share", "Lions", "Otter", "hrv", "heart-rate").code == 0
    record: dict[str, Any] = json.loads(run("show", "Lions", "--json").out)
    assert (record["cohort"], record["closed_on"]) == ("Lions", None)
    assert [(one["number"], one["alias"], one["shares"]) for one in record["members"]] == [
        (1, "Heron", []),
        (2, "Otter", ["heart-rate", "hrv"]),
        (3, "Wren", []),
    ]
    assert record["members"][1]["wording"] == wording()
    assert record["members"][0]["agreed_on"] is None
    assert record["members"][1]["agreed_on"] == _member(lions, "Otter").agreed_on.isoformat()  # type: ignore[union-attr]


def test_a_cohort_that_is_not_there_is_refused_with_those_that_are(run: Run, path: Path) -> None:
    for arguments in (["show", "Bears"], ["share", "Bears", "Heron", "all"], ["close", "Bears", "--yes"]):
        refused = run(*arguments)
        assert refused.code == 2
        assert "No cohort is called Bears. There is none yet." in refused.refusal
    run("new", "Lions", "Heron")
    assert "No cohort is called Bears. There are: Lions." in run("show", "Bears").refusal
    assert _only(path).name == "Lions"


# --- share -----------------------------------------------------------------------------------------------------------


def test_who_is_asked_reads_each_purpose_in_whole_words_and_says_yes_or_no_to_each(run: Run, lions: Path) -> None:
    shared = run("share", "lions", "heron", typed="y\nno\nperhaps\nYES\nn\n")
    assert shared.code == 0
    assert shared.out == "Heron shares heart-rate, hrv, from the next session on.\n"
    assert f"Heron, this is for you alone to decide. {ALWAYS}" in shared.err
    positions = [shared.err.index(words) for words in WORDS.values()]
    assert positions == sorted(positions)
    assert "Type y for yes or n for no." in shared.err
    heron = _member(lions, "Heron")
    assert heron.shares == {Purpose.HEART_RATE, Purpose.HRV}
    assert heron.up_to_date
    assert heron.agreed_on is not None
    assert _only(lions).members[1:] == (Member(alias="Otter"), Member(alias="Wren"))


@pytest.mark.parametrize("typed", ["", "y\ny\n", "y\ny\ny\n\n"])
def test_who_does_not_answer_everything_has_said_nothing(run: Run, lions: Path, typed: str) -> None:
    run("share", "Lions", "Heron", "rises")
    before = lions.read_bytes()
    unanswered = run("share", "Lions", "Heron", typed=typed)
    assert (unanswered.code, unanswered.out) == (2, "")
    assert "Nobody answered" in unanswered.err
    assert "watchlink cohort share Lions Heron heart-rate" in unanswered.err
    assert lions.read_bytes() == before


@pytest.mark.parametrize(
    ("purposes", "shares"),
    [
        (["all"], set(Purpose)),
        (["nothing"], set[Purpose]()),
        (["Rises,", "RAW"], {Purpose.RISES, Purpose.RAW}),
        (["heart-rate"], {Purpose.HEART_RATE}),
    ],
)
def test_what_is_shared_can_be_said_as_words_and_takes_the_place_of_what_was_shared(
    run: Run, lions: Path, purposes: list[str], shares: set[Purpose]
) -> None:
    run("share", "Lions", "Wren", "hrv")
    assert run("share", "Lions", "Wren", *purposes).code == 0
    assert _member(lions, "Wren").shares == shares


@pytest.mark.parametrize(
    "purposes", [["everything"], ["rises", "pulse"], [","], ["nothing", "all"], ["nothing", "rises"]]
)
def test_words_that_say_no_or_two_things_share_nothing_and_are_refused(
    run: Run, lions: Path, purposes: list[str]
) -> None:
    before = lions.read_bytes()
    refused = run("share", "Lions", "Wren", *purposes)
    assert refused.code == 2
    assert "Say what: heart-rate, rises, hrv, raw, all or nothing." in refused.refusal
    assert lions.read_bytes() == before


def test_who_is_not_in_the_cohort_is_refused_with_who_is(run: Run, lions: Path) -> None:
    refused = run("share", "Lions", "Ibis", "all")
    assert refused.code == 2
    assert "Ibis is not in Lions. In it are: Heron, Otter, Wren." in refused.refusal
    assert all(not member.shares for member in _only(lions).members)


class _Meanwhile(io.StringIO):
    """A person who types, while something else happens before the first answer."""

    def __init__(self, typed: str, happens: Callable[[], None]) -> None:
        super().__init__(typed)
        self._happens: Callable[[], None] | None = happens

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        if self._happens is not None:
            self._happens()
            self._happens = None
        return super().readline(-1 if size is None else size)


def test_what_another_person_takes_back_while_one_is_asked_stays_taken_back(run: Run, lions: Path) -> None:
    run("share", "Lions", "Otter", "all")

    def otter_shares_nothing_more() -> None:
        save_cohorts(lions, [_only(lions).with_consent("Otter", frozenset(), on=_DAY)])

    run("share", "Lions", "Heron", typed=_Meanwhile("y\ny\ny\ny\n", otter_shares_nothing_more))
    assert _member(lions, "Heron").shares == set(Purpose)
    assert _member(lions, "Otter").shares == set()


# --- close -----------------------------------------------------------------------------------------------------------


def test_a_cohort_is_closed_once_and_keeps_its_people(run: Run, lions: Path) -> None:
    open_as_it_was = _only(lions)
    refused = run("close", "Lions", typed="n\n")
    assert refused.code == 1
    assert _only(lions) == open_as_it_was
    unanswered = run("close", "Lions")
    assert unanswered.code == 2
    assert "Say --yes to close it without being asked." in unanswered.err
    assert _only(lions) == open_as_it_was

    closed = run("close", "lions", typed="y\n")
    assert (closed.code, closed.out.split(".")[0]) == (0, "Lions is closed")
    assert "Close Lions? (y/n)" in closed.err
    day = _only(lions).closed_on
    assert day is not None
    assert replace(_only(lions), closed_on=None) == open_as_it_was
    again = run("close", "Lions", "--yes")
    assert again.code == 2
    assert f"Lions was closed on {day}." in again.refusal


def test_yes_closes_without_a_question(run: Run, lions: Path) -> None:
    closed = run("close", "Lions", "--yes")
    assert closed.code == 0
    assert "?" not in closed.err
    assert _only(lions).closed_on is not None


def test_what_a_person_takes_back_while_their_cohort_is_closed_stays_taken_back(run: Run, lions: Path) -> None:
    run("share", "Lions", "Otter", "all")

    def otter_shares_nothing_more() -> None:
        save_cohorts(lions, [_only(lions).with_consent("Otter", frozenset(), on=_DAY)])

    run("close", "Lions", typed=_Meanwhile("y\n", otter_shares_nothing_more))
    assert _only(lions).closed_on is not None
    assert _member(lions, "Otter").shares == set()


# --- what goes when a cohort is closed -------------------------------------------------------------------------------


@pytest.fixture
def recorded(lions: Path) -> Path:
    """A session and a baseline of the Lions, a session of the Bears; Otter is in both cohorts."""
    save_cohorts(lions, [_only(lions), Cohort(name="Bears", members=(Member(alias="Otter"),), made_on=_DAY)])
    archive = lions.with_name("archive.sqlite3")
    with Archive(archive) as opened:
        for cohort, kind in (
            ("Lions", SessionKind.SESSION),
            ("Bears", SessionKind.SESSION),
            ("LIONS", SessionKind.BASELINE),
        ):
            recorder = opened.begin(title="", started_at=datetime(2026, 3, 1, tzinfo=UTC), cohort=cohort, kind=kind)
            recorder.accept(Seat(at_us=0, person="Otter", wearable="w1", profile="generic"))
            recorder.close()
    save_devices(archive.with_name("devices.json"), [_device("Heron"), _device("Otter"), _device("Ibis")])
    return archive


def _sessions(archive: Path) -> list[int]:
    with Archive(archive) as opened:
        return [one.id for one in opened.sessions()]


def _close_before(path: Path, days: int) -> None:
    known = load_cohorts(path)
    lions = next(one for one in known if one.name == "Lions")
    save_cohorts(path, put(known, replace(lions, closed_on=utc_now().date() - timedelta(days=days))))


def test_closing_says_what_goes_when_and_how_everybody_gets_their_own_first(
    run: Run, lions: Path, recorded: Path
) -> None:
    closed = run("close", "Lions", "--yes")
    day = utc_now().date() + timedelta(days=30)
    assert "What is stored of Lions (recordings 1, 3; 2 packets; its people and their wearables)" in closed.err
    assert f"goes on {day}" in closed.err
    assert "watchlink my-data export --person Heron" in closed.err
    assert "until then it can be opened again: watchlink cohort reopen Lions" in closed.out
    assert f"What is stored of it goes on {day}." in run("show", "Lions").err
    assert json.loads(run("show", "Lions", "--json").out)["goes_on"] == day.isoformat()
    assert _sessions(recorded) == [1, 2, 3]
    assert run("reopen", "lions").code == 0
    assert run("reopen", "lions").code == 2
    assert all(one.closed_on is None for one in load_cohorts(lions))


@pytest.mark.parametrize(("days", "left"), [(29, [1, 2, 3]), (30, [2]), (400, [2])])
def test_what_is_due_goes_at_the_next_look_and_what_is_others_stays(
    run: Run, lions: Path, recorded: Path, days: int, left: list[int]
) -> None:
    _close_before(lions, days)
    devices = recorded.with_name("devices.json")
    looked = run("list", "--devices", devices)
    assert looked.code == 0
    assert _sessions(recorded) == left
    gone = len(left) == 1
    assert ("The time to keep was over. Deleted: Lions with 2 sessions (1, 3), 2 packets." in looked.err) == gone
    assert ("Forgotten: the wearables of Heron." in looked.err) == gone
    assert [one.alias for one in load_devices(devices)] == (["Ibis", "Otter"] if gone else ["Heron", "Ibis", "Otter"])
    assert [one.name for one in load_cohorts(lions)] == (["Bears"] if gone else ["Bears", "Lions"])
    assert "The time to keep" not in run("list", "--devices", devices).err


def test_what_is_due_waits_while_a_session_is_recorded(run: Run, lions: Path, recorded: Path) -> None:
    _close_before(lions, 30)
    with Archive(recorded) as opened:
        opened.begin(title="", started_at=datetime(2026, 3, 1, tzinfo=UTC))
    looked = run("list")
    assert looked.code == 0
    assert "could not be deleted now; the next command tries again. Session 4 is being recorded" in looked.err
    assert _sessions(recorded) == [1, 2, 3, 4]
    assert "Lions" in looked.out


def test_a_cohort_can_be_closed_and_deleted_at_once(run: Run, lions: Path, recorded: Path) -> None:
    refused = run("close", "Lions", "--now", typed="n\n")
    assert refused.code == 1
    assert _sessions(recorded) == [1, 2, 3]
    done = run("close", "Lions", "--now", "--devices", recorded.with_name("devices.json"), typed="y\n")
    assert done.code == 0
    assert "at once, and cannot be had back" in done.err
    assert done.out.startswith("Lions is closed. Deleted: Lions with 2 sessions (1, 3), 2 packets.")
    assert _sessions(recorded) == [2]
    assert [one.name for one in load_cohorts(lions)] == ["Bears"]


def test_how_long_a_cohort_is_kept_is_said_when_it_is_made(run: Run, path: Path) -> None:
    assert run("new", "Lions", "Heron", "--keep-days", 0).code == 0
    assert _only(path).keep_days == 0
    assert run("new", "Bears", "Heron", "--keep-days", 3651).code == 2
    closed = run("close", "Lions", "--yes")
    assert f"goes on {utc_now().date()}" in closed.err
    assert "Deleted: Lions" in run("list").err
    assert load_cohorts(path) == ()


# --- hostile names and files -----------------------------------------------------------------------------------------


def test_markup_in_names_is_shown_as_it_is_and_escapes_never_get_in(run: Run, path: Path) -> None:
    name, alias = "[red]Lions[/red]", "[/] [bold]Heron"
    assert run("new", name, alias).out == f"{name}: {alias}.\n"
    assert run("share", name, alias, "rises").out == f"{alias} shares rises, from the next session on.\n"
    shown = run("show", name)
    assert name in shown.out
    assert alias in shown.out
    assert f"No cohort is called [bold]x[/bold]. There are: {name}." in run("show", "[bold]x[/bold]").refusal
    assert f"[i]Otter is not in {name}. In it are: {alias}." in run("share", name, "[i]Otter", "all").refusal
    assert f"There is a cohort called {name} already." in run("new", name, "Otter").refusal
    assert run("close", name, typed="y\n").out.startswith(f"{name} is closed.")
    assert [one.name for one in load_cohorts(path)] == [name]


@pytest.mark.parametrize(
    "arguments",
    [
        ["new", _STEERING, "Heron"],
        ["new", "Bears", "\u202eHeron"],
        ["show", _STEERING],
        ["share", "Lions", _STEERING, "all"],
        ["share", "Lions", "Heron", _STEERING],
        ["close", _STEERING, "--yes"],
    ],
)
def test_a_name_that_would_steer_a_terminal_is_refused_and_does_not(
    run: Run, lions: Path, arguments: list[str]
) -> None:
    before = lions.read_bytes()
    refused = run(*arguments)
    assert refused.code == 2
    assert "\u202e" not in refused.err
    assert lions.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["show", "Lions"], ["new", "Bears", "Otter"], ["share", "Lions", "Heron", "all"], ["close", "Lions"]],
)
def test_a_broken_file_is_named_and_left_as_it_was(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    broken = tmp_path / "mine.json"
    broken.write_text('{"watchlink_cohorts": 1, "cohorts": [{"name": "\\u001b[31m"}]}')
    before = broken.read_bytes()
    refused = run(*arguments, "--cohorts", broken)
    assert (refused.code, refused.out) == (8, "")
    assert str(broken) in refused.err
    assert "cannot be understood: cohort 1:" in refused.err
    assert broken.read_bytes() == before
