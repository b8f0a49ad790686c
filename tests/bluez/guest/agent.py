"""The guest's end of the one channel to the host: D-Bus connections, HCI packets of virtual adapters, shell commands.

Strategy: one thread, one poll, one channel, so that what the guest said reaches the host in the order in which it was
said, across connections too: Bleak hears "Connected" on one and the answer to `Connect()` on another. A frame is kind,
number, length, payload; `vm.py` has the other end. Runs on a bare python3-minimal: nothing but built-in modules.
"""

import _socket as socket
import os
import select
import struct

HEAD = struct.Struct("<cHI")
port = next(name for name in os.listdir("/dev") if name.startswith("vport"))  # noqa: PTH208 - there is no pathlib here
channel = os.open(f"/dev/{port}", os.O_RDWR)
poll = select.poll()
poll.register(channel, select.POLLIN)
ends = {}  # file descriptor -> (kind, number): D a D-Bus connection, H an adapter's HCI, S a running shell command
descriptors = {}  # and back
said = {}  # shell command's number -> (process, what it has said so far)


def send(kind, number, payload=b""):
    frame = HEAD.pack(kind, number, len(payload)) + payload
    while frame:
        frame = frame[os.write(channel, frame) :]


def add(kind, number, descriptor):
    ends[descriptor] = kind, number
    descriptors[kind, number] = descriptor
    poll.register(descriptor, select.POLLIN)


def drop(kind, number):
    descriptor = descriptors.pop((kind, number), None)
    if descriptor is not None:
        poll.unregister(descriptor)
        del ends[descriptor]
        os.close(descriptor)


def obey(kind, number, payload):
    """What the host asks for: Open a D-Bus connection, Close it, Attach an adapter, eXtract it, Shell, or data."""
    if kind == b"O":
        try:
            bus = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            bus.connect("/run/dbus/system_bus_socket")
            add(b"D", number, bus.detach())
        except OSError:
            send(b"C", number)
    elif kind == b"A":
        descriptor = os.open("/dev/vhci", os.O_RDWR | os.O_NONBLOCK)
        os.write(descriptor, b"\xff\x00")  # a primary controller; the driver answers with a packet of type 0xff
        add(b"H", number, descriptor)
    elif kind == b"C":
        drop(b"D", number)
    elif kind == b"X":
        drop(b"H", number)
    elif kind == b"S":
        mine, its = os.pipe()
        files = [(os.POSIX_SPAWN_DUP2, its, 1), (os.POSIX_SPAWN_DUP2, its, 2)]
        said[number] = os.posix_spawn("/bin/sh", ["sh", "-c", payload], os.environ, file_actions=files), []
        os.close(its)
        add(b"S", number, mine)
    elif (kind, number) in descriptors:
        try:
            while payload:  # an HCI packet is taken whole, in one write
                payload = payload[os.write(descriptors[kind, number], payload) :]
        except OSError:
            pass  # the other side is gone; its end will be read next


def tell(descriptor):
    """What the guest has to say on one descriptor."""
    kind, number = ends[descriptor]
    try:
        data = os.read(descriptor, 65536)
    except BlockingIOError:
        return
    except OSError:
        data = b""
    if kind == b"S":
        process, parts = said[number]
        parts.append(data)
        if not data:
            drop(kind, number)
            del said[number]
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            send(b"S", number, bytes([status & 255]) + b"".join(parts))
    elif data:
        if kind != b"H" or data[:1] != b"\xff":
            send(kind, number, data)
    else:
        drop(kind, number)
        send(b"C", number)


send(b"R", 0, os.uname().release.encode())
unread = b""
while True:
    ready = [descriptor for descriptor, _ in poll.poll()]
    if channel in ready:
        unread += os.read(channel, 65536)
        while len(unread) >= HEAD.size:
            kind, number, length = HEAD.unpack_from(unread)
            if len(unread) < HEAD.size + length:
                break
            payload, unread = unread[HEAD.size : HEAD.size + length], unread[HEAD.size + length :]
            obey(kind, number, payload)
    for descriptor in ready:
        if descriptor in ends:
            tell(descriptor)
