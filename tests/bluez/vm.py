"""The virtual machine with the real Bluetooth stack: starts it, and carries D-Bus, HCI and commands across.

Strategy: one virtio-serial channel, one frame format, one reader, one order (see `guest/agent.py`). D-Bus clients on
the host find the guest's system bus behind a unix socket, so Bleak's BlueZ backend runs here unchanged and at full
speed; only the kernel and bluetoothd are emulated. An adapter's radio chip is any object with Bumble's `on_packet`: HCI
packets go to it and come from it one by one. Every wait ends: when the thing waited for comes, when the machine dies,
or when its time is over, and then the guest's console is part of the message.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import struct
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.auth import AuthExternal

_HEAD: Final = struct.Struct("<cHI")
_QEMU: Final = "qemu-system-x86_64"
_KERNEL_ARGUMENTS: Final = (
    "console=ttyS0 quiet loglevel=4 panic=-1 "
    "mitigations=off nokaslr cryptomgr.notests=1 random.trust_cpu=on tsc=reliable"
)
_START_S: Final = 120.0
_STOP_S: Final = 5.0
_ANSWER_S: Final = 30.0
_OF_CONSOLE: Final = 2_000


class GuestFault(Exception):
    """The guest did not do what it had to; the message ends with what its console said last."""


class Chip(Protocol):
    """The radio chip of an adapter, as Bumble's `Controller` is one."""

    def on_packet(self, packet: bytes) -> None:
        """Take an HCI packet from the guest."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command in the guest ended with."""

    status: int
    output: str


class Guest:
    """The running machine, from entering the context until leaving it."""

    def __init__(self, cache: Path, *, accelerator: str = "tcg") -> None:
        """Take the folder that `guest/build.py` filled; nothing runs yet.

        Emulation is the default even where /dev/kvm opens: behind some of those, a kernel hangs.
        """
        self._cache = cache
        self._accelerator = accelerator
        self._stack = AsyncExitStack()
        self._chips: dict[int, Chip] = {}
        self._clients: dict[int, asyncio.StreamWriter] = {}
        self._clients_met = 0
        self._serving: set[asyncio.Task[None]] = set()
        self._commands: dict[int, asyncio.Future[Answer]] = {}
        self._commands_given = 0
        self.kernel = ""

    @property
    def environment(self) -> dict[str, str]:
        """What makes D-Bus clients of this process talk to the guest's system bus."""
        return {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self._folder}/bus", "BLEAK_DBUS_AUTH_UID": "0"}

    async def __aenter__(self) -> Self:
        """Start the machine; return once its bluetoothd answers."""
        async with AsyncExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bluez-")))
            self._died: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._agent_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            arrived: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
            arrived = asyncio.get_running_loop().create_future()
            door = await asyncio.start_unix_server(
                lambda *ends: arrived.set_result(ends), self._folder / "channel", limit=1 << 20
            )
            stack.callback(door.close)
            await self._start_machine(stack)
            from_guest, self._to_guest = await self._within(_START_S, arrived, "QEMU's channel")
            stack.callback(self._to_guest.close)
            reading = asyncio.create_task(self._read(from_guest))
            stack.callback(reading.cancel)
            bus = await asyncio.start_unix_server(self._serve_bus_client, self._folder / "bus")
            stack.push_async_callback(self._part_from_clients)
            stack.callback(bus.close)
            await self._within(_START_S, self._agent_ready, "the guest's agent")
            async with self.bus() as connection:
                await self._within(_START_S, connection.has("org.bluez"), "bluetoothd")
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Switch the machine off."""
        await self._stack.__aexit__(kind, error, traceback)

    async def attach(self, number: int, chip: Chip) -> None:
        """Give the guest one more adapter, whose HCI packets go to `chip`."""
        self._chips[number] = chip
        await self._send(b"A", number)

    async def detach(self, number: int) -> None:
        """Pull the adapter out."""
        if self._chips.pop(number, None) is not None:
            await self._send(b"X", number)

    def send_hci(self, number: int, packet: bytes) -> None:
        """An HCI packet from the chip of adapter `number`; discarded if that was pulled out."""
        if number in self._chips:
            self._to_guest.write(_HEAD.pack(b"H", number, len(packet)) + packet)

    async def shell(self, command: str, *, limit_s: float = _ANSWER_S) -> Answer:
        """Run a command in the guest; what it leaves behind in the background must not keep its output open.

        Raises:
            GuestFault: it did not end in time.
        """
        self._commands_given += 1
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._commands[self._commands_given] = answer
        await self._send(b"S", self._commands_given, command.encode())
        await self._within(limit_s, answer, f"`{command}`")
        return answer.result()

    async def do(self, command: str, *, limit_s: float = _ANSWER_S) -> str:
        """Run a command that has to succeed, and return what it printed.

        Raises:
            GuestFault: it failed, or did not end in time.
        """
        answer = await self.shell(command, limit_s=limit_s)
        if answer.status:
            raise GuestFault(f"`{command}` ended with {answer.status}: {answer.output}{self._console()}")
        return answer.output

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        """A connection of our own to the guest's system bus, beside Bleak's."""
        async with Bus(self.environment["DBUS_SYSTEM_BUS_ADDRESS"]) as connection:
            yield connection

    async def _start_machine(self, stack: AsyncExitStack) -> None:
        fast = ["-accel", "kvm", "-cpu", "host"] if self._accelerator == "kvm" else ["-accel", "tcg", "-cpu", "max"]
        program, environment, data = _qemu(self._cache)
        with (self._folder / "qemu.log").open("wb") as log:
            machine = await asyncio.create_subprocess_exec(
                *(program, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-M", "q35", *fast),
                *("-smp", "1", "-m", "384", *data),
                *("-kernel", str(self._cache / "kernel"), "-initrd", str(self._cache / "initramfs")),
                *("-append", _KERNEL_ARGUMENTS, "-serial", f"file:{self._folder}/console.log"),
                *("-device", "virtio-serial-pci", "-chardev", f"socket,id=channel,path={self._folder}/channel"),
                *("-device", "virtserialport,chardev=channel"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | environment,
            )

        async def watch() -> None:
            await machine.wait()
            self._died.set_result(None)

        watching = asyncio.create_task(watch())

        async def stop() -> None:
            if machine.returncode is None:
                machine.terminate()
                try:
                    async with asyncio.timeout(_STOP_S):
                        await asyncio.shield(watching)
                except TimeoutError:
                    machine.kill()
            await watching

        stack.push_async_callback(stop)

    async def _within(self, seconds: float, event: Any, what: str) -> Any:
        """Wait for `event`, for the end of the machine, or for the end of the time."""
        waiting = asyncio.ensure_future(event)
        await asyncio.wait({waiting, self._died}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        waiting.cancel()
        why = "the machine has ended" if self._died.done() else f"nothing in {seconds:g} s"
        raise GuestFault(f"waiting for {what}: {why}{self._console()}")

    def _console(self) -> str:
        said = [(self._folder / name) for name in ("qemu.log", "console.log")]
        return "".join(f"\n{path.name}: {_tail(path)}" for path in said if path.exists())

    async def _send(self, kind: bytes, number: int, payload: bytes = b"") -> None:
        self._to_guest.write(_HEAD.pack(kind, number, len(payload)) + payload)
        await self._to_guest.drain()

    async def _read(self, channel: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, number, length = _HEAD.unpack(await channel.readexactly(_HEAD.size))
                self._take(kind, number, await channel.readexactly(length))

    def _take(self, kind: bytes, number: int, payload: bytes) -> None:
        match kind:
            case b"H" if number in self._chips:
                self._chips[number].on_packet(payload)
            case b"D" if number in self._clients:
                self._clients[number].write(payload)
            case b"C" if number in self._clients:
                self._clients.pop(number).close()
            case b"S" if not self._commands[number].done():
                answer = Answer(status=payload[0], output=payload[1:].decode(errors="replace"))
                self._commands.pop(number).set_result(answer)
            case b"R":
                self.kernel = payload.decode()
                self._agent_ready.set_result(None)
            case _:
                pass  # for one that has left meanwhile

    async def _serve_bus_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        self._clients_met += 1
        number = self._clients_met
        self._clients[number] = writer
        await self._send(b"O", number)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._send(b"D", number, data)
        if self._clients.pop(number, None) is not None:
            await self._send(b"C", number)
            writer.close()

    async def _part_from_clients(self) -> None:
        for writer in self._clients.values():
            writer.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=_STOP_S)


class Bus:
    """A plain D-Bus client: what the tests ask of bluetoothd beside what Bleak asks."""

    def __init__(self, address: str) -> None:
        """Take the bus's address; nothing is connected yet."""
        self._bus = MessageBus(address, BusType.SYSTEM, auth=AuthExternal(uid=0))
        self.asked: list[str] = []
        """What the agent was asked, by the names of the methods."""

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._bus.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect."""
        self._bus.disconnect()
        await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    async def call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        *,
        to: str = "org.bluez",
    ) -> list[Any]:
        """Call a method.

        Raises:
            GuestFault: the answer is an error.
        """
        reply = await self._bus.call(
            Message(destination=to, path=path, interface=interface, member=member, signature=signature, body=list(body))
        )
        assert reply is not None
        if reply.message_type is MessageType.ERROR:
            raise GuestFault(f"{member}: {reply.error_name} {reply.body}")
        return reply.body

    async def set_powered(self, adapter: str, powered: bool) -> None:
        """Switch an adapter on or off, as a desktop's switch does."""
        await self.call(
            f"/org/bluez/{adapter}",
            "org.freedesktop.DBus.Properties",
            "Set",
            "ssv",
            ["org.bluez.Adapter1", "Powered", Variant("b", powered)],
        )

    async def consent_to_pairing(self) -> None:
        """Be the agent that bluetoothd asks before it pairs, as a desktop is, and agree; until this bus is left."""

        def on_message(message: Message) -> Message | None:
            if message.message_type is MessageType.METHOD_CALL and message.interface == "org.bluez.Agent1":
                self.asked.append(message.member or "")
                return Message.new_method_return(message)
            return None

        self._bus.add_message_handler(on_message)
        manager = ("/org/bluez", "org.bluez.AgentManager1")
        await self.call(*manager, "RegisterAgent", "os", [_AGENT, "NoInputNoOutput"])
        await self.call(*manager, "RequestDefaultAgent", "o", [_AGENT])

    async def has(self, name: str) -> None:
        """Return once somebody owns `name` on the bus."""

        async def owned() -> bool:
            return bool((await self.call(*_DAEMON, "NameHasOwner", "s", [name], to="org.freedesktop.DBus"))[0])

        await self._once(owned)

    async def lacks(self, name: str) -> None:
        """Return once nobody owns `name` on the bus."""

        async def free() -> bool:
            return not (await self.call(*_DAEMON, "NameHasOwner", "s", [name], to="org.freedesktop.DBus"))[0]

        await self._once(free)

    async def lacks_adapter(self, adapter: str) -> None:
        """Return once bluetoothd does not know the adapter any more."""

        async def gone() -> bool:
            return f"/org/bluez/{adapter}" not in await self._objects()

        await self._once(gone)

    async def has_powered(self, adapter: str) -> None:
        """Return once bluetoothd has the adapter, and it is switched on."""

        async def on() -> bool:
            interfaces = (await self._objects()).get(f"/org/bluez/{adapter}", {})
            powered = interfaces.get("org.bluez.Adapter1", {}).get("Powered")
            return powered is not None and bool(powered.value)

        await self._once(on)

    async def _objects(self) -> Mapping[str, Mapping[str, Mapping[str, Variant]]]:
        try:
            objects: Mapping[str, Mapping[str, Mapping[str, Variant]]]
            (objects,) = await self.call("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
            return objects
        except GuestFault:  # bluetoothd is not there (yet)
            return {}

    async def _once(self, condition: Callable[[], Any]) -> None:
        """Ask now, and again after whatever bluetoothd or the bus announces. Whoever waits sets the limit."""
        heard = asyncio.Event()

        def on_message(message: Message) -> None:
            if message.message_type is MessageType.SIGNAL:
                heard.set()

        self._bus.add_message_handler(on_message)
        try:
            for rule in ("type='signal',sender='org.bluez'", "type='signal',member='NameOwnerChanged'"):
                await self.call(*_DAEMON, "AddMatch", "s", [rule], to="org.freedesktop.DBus")
            while not await condition():
                await heard.wait()
                heard.clear()
        finally:
            self._bus.remove_message_handler(on_message)


_AGENT: Final = "/agent"
_DAEMON: Final = ("/org/freedesktop/DBus", "org.freedesktop.DBus")


def _qemu(cache: Path) -> tuple[str, dict[str, str], list[str]]:
    """QEMU's program, environment and further arguments: the system's own, or the one unpacked into the cache."""
    if (own := shutil.which(_QEMU)) is not None:
        return own, {}, []
    root = cache / "qemu/usr"
    libraries = sorted({str(path.parent) for path in root.rglob("lib*.so*")})
    modules = next(iter(root.rglob("accel-tcg-*.so")), root).parent
    environment = {"LD_LIBRARY_PATH": ":".join(libraries), "QEMU_MODULE_DIR": str(modules)}
    return str(root / "bin" / _QEMU), environment, ["-L", str(root / "share/qemu"), "-L", str(root / "share/seabios")]


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-_OF_CONSOLE:]
