"""Builds the guest: a kernel and an initramfs that hold Bluetooth, D-Bus, bluetoothd, and QEMU to run them.

Strategy: everything is a Debian package, fetched with `apt-get download` through the machine's own apt configuration
into a cache folder and unpacked there with `dpkg-deb -x`; nothing is installed and no root is needed. From the unpacked
tree only programs, the libraries they ask for, and about twenty kernel modules go into the initramfs. The kernel is
taken out of its compressed wrapper: under emulation unpacking itself takes longer than booting. A peer that nobody here
wrote, BlueZ's own example heart-rate server, is compiled from BlueZ's source package, where a compiler is at hand.

Exit status: 0 built (or still good), 77 what is needed cannot be had here (the last line says why), else a failure.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
CANNOT: Final = 77

ROOTS: Final = ("bluez", "bluez-test-tools", "busybox-static", "dbus", "python3-minimal", "linux-image-amd64")
SOURCE: Final = "bluez-source"
# Of all that the roots depend on, what matters in a guest without package manager, init system and users.
WANTED: Final = re.compile(r"(lib|zlib|dbus|bluez|busybox|python3|linux-image-)")
QEMU: Final = "qemu-system-x86_64"
QEMU_PACKAGE: Final = "qemu-system-x86"

PROGRAMS: Final = (
    "usr/libexec/bluetooth/bluetoothd",
    "usr/bin/bluetoothctl",
    "usr/bin/btmgmt",
    "usr/bin/btvirt",
    "usr/bin/dbus-daemon",
    "usr/bin/dbus-send",
    "usr/bin/busybox",
)
FOLDERS: Final = ("usr/share/dbus-1", "etc/dbus-1", "etc/bluetooth")
MODULES: Final = (
    "virtio_pci",
    "virtio_console",
    "cmac",
    "ecb",
    "ccm",
    "sha512_generic",
    "ctr",
    "drbg",  # random numbers for the keys that pairing makes
    "ecdh_generic",
    "algif_hash",
    "algif_skcipher",
    "bluetooth",
    "hci_vhci",
    "uhid",
)
TEXTS: Final = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nmessagebus:x:100:100::/:/bin/false\n",
    "etc/group": "root:x:0:\nmessagebus:x:100:\nbluetooth:x:101:\nnetdev:x:102:\n",
    "etc/machine-id": "00000000000000000000000000000001\n",
}
EMPTY_FOLDERS: Final = ("bin", "dev", "proc", "sys", "run", "tmp", "root", "var/lib/bluetooth")

PEER_FILES: Final = re.compile(r"/(config\.h|(lib|src/shared|tools)/.*\.[ch])$")
PEER_SOURCES: Final = (
    "tools/btgatt-server.c",
    *(f"src/shared/{name}.c" for name in ("att", "gatt-db", "gatt-server", "gatt-helpers", "crypto", "queue", "util")),
    *(f"src/shared/{name}.c" for name in ("mainloop", "mainloop-notify", "io-mainloop", "timeout-mainloop", "log")),
    *(f"lib/{name}.c" for name in ("bluetooth", "hci", "uuid")),
)


class Cannot(Exception):
    """The guest cannot be had on this machine, and why."""


def main(cache: Path) -> int:
    """Build into `cache` unless what is there is still good."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Cannot(f"the guest is made of Debian's amd64 packages, this is {sys.platform} on {platform.machine()}")
    stamp = cache / "stamp"
    mark = _mark()
    if stamp.exists() and stamp.read_text() == mark:
        print("guest: the one in the cache is still good")  # noqa: T201 - a script
        return 0
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Cannot(f"{tool} is not here: the guest is made of Debian packages")
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(parents=True)
    apt = Apt(cache / "apt")
    apt.update()
    tree = cache / "tree"
    apt.unpack([name for name in apt.needed(ROOTS, on_nothing=True) if WANTED.match(name)], into=tree)
    if shutil.which(QEMU) is None:
        apt.unpack(apt.needed([QEMU_PACKAGE], on_nothing=False), into=cache / "qemu")
    peer = _peer(apt, cache)
    _write_kernel(tree, cache / "kernel")
    _write_initramfs(tree, peer, cache / "initramfs")
    for leftover in (tree, cache / "apt", cache / "source"):
        shutil.rmtree(leftover, ignore_errors=True)
    stamp.write_text(mark)
    size_mb = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) / 1e6
    print(f"guest: built, {size_mb:.0f} MB in the cache")  # noqa: T201 - a script
    return 0


def _mark() -> str:
    """What the guest is made from, in one line: another system release or another recipe asks for another guest."""
    recipe = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(HERE.iterdir()) if path.is_file()))
    return f"{platform.freedesktop_os_release().get('VERSION_ID', '')} {shutil.which(QEMU)} {recipe.hexdigest()}"


class Apt:
    """The machine's own package sources, with lists and archives in a folder of ours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("lists/partial", "archives/partial", "debs"):
            (folder / name).mkdir(parents=True)
        (folder / "nothing").touch()
        self._options = [
            *("-q", "-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}"),
            *("-o", "APT::Sandbox::User=", "-o", "APT::Install-Recommends=false", "-o", "Acquire::Languages=none"),
        ]

    def update(self) -> None:
        """Read the lists of packages."""
        self._run("update")

    def needed(self, packages: Sequence[str], *, on_nothing: bool) -> list[str]:
        """The packages and what they depend on: all of it, or (not `on_nothing`) what this machine lacks."""
        status = ["-o", f"Dir::State::status={self._folder}/nothing"] if on_nothing else []
        said = self._run("--simulate", "install", *status, *packages)
        return re.findall(r"^Inst (\S+)", said, flags=re.MULTILINE)

    def unpack(self, packages: Sequence[str], *, into: Path) -> None:
        """Fetch packages and unpack them, without installing anything."""
        debs = self._folder / "debs"
        self._run("download", *packages, cwd=debs)
        for deb in debs.iterdir():
            # usr-merged, as the system itself is; a package's own /lib would otherwise lie beside /usr/lib
            into.joinpath("usr/lib").mkdir(parents=True, exist_ok=True)
            for name in ("lib", "bin", "sbin", "lib64"):
                into.joinpath("usr", name).mkdir(exist_ok=True)
                if not into.joinpath(name).is_symlink():
                    into.joinpath(name).symlink_to(f"usr/{name}")
            files = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
            subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", str(into)], stdin=files.stdout, check=True)
            if files.wait():
                raise RuntimeError(f"{deb.name} cannot be unpacked")
            deb.unlink()

    def _run(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["apt-get", *self._options, *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"LC_ALL": "C"},
        )
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()[-1]
            raise Cannot(f"apt-get {arguments[0]} failed: {reason}")
        return done.stdout


def _peer(apt: Apt, cache: Path) -> Path | None:
    """BlueZ's example heart-rate server, compiled; None (and a line that says why) if that cannot be done here."""
    if shutil.which("gcc") is None:
        print("guest: without BlueZ's own heart-rate server, there is no gcc")  # noqa: T201 - a script
        return None
    try:
        apt.unpack([SOURCE], into=cache / "source")
    except Cannot as reason:
        print(f"guest: without BlueZ's own heart-rate server, {reason}")  # noqa: T201 - a script
        return None
    archive = next((cache / "source/usr/src").glob("bluez*.tar.*"))
    with tarfile.open(archive) as packed:
        folder = archive.parent
        for member in packed:
            if member.isfile() and re.search(
                r"/(config\.h|lib/.*\.[ch]|src/shared/[^/]*\.[ch]|tools/\S*\.[ch])$", member.name
            ):
                packed.extract(member, folder, filter="data")
    source = next(path for path in folder.iterdir() if path.is_dir())
    if not (source / "config.h").exists():
        (source / "config.h").write_text('#define VERSION "0"\n')
    peer = cache / "source/btgatt-server"
    present = [name for name in PEER_SOURCES if (source / name).exists()]
    compiled = subprocess.run(
        ["gcc", "-O1", "-w", "-static", "-DHAVE_CONFIG_H", "-I.", "-Ilib", "-o", str(peer), *present],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    if compiled.returncode:
        print(f"guest: without BlueZ's own heart-rate server, it does not compile: {compiled.stderr[-300:]}")  # noqa: T201 - a script
        return None
    return peer


def _write_kernel(tree: Path, kernel: Path) -> None:
    """The bare kernel, which QEMU starts directly; the compressed one as it is where it is not xz."""
    packed = next((tree / "boot").glob("vmlinuz-*")).read_bytes()
    setup = (
        (packed[0x1F1] or 4) + 1
    ) * 512  # boot protocol: sectors of real-mode code, then offset and length of the payload
    offset, length = struct.unpack_from("<II", packed, 0x248)
    payload = packed[setup + offset : setup + offset + length]
    bare = payload.startswith(b"\xfd7zXZ")
    # The last four octets are the unpacked size, not xz.
    kernel.write_bytes(lzma.LZMADecompressor().decompress(payload) if bare else packed)


def _write_initramfs(tree: Path, peer: Path | None, initramfs: Path) -> None:
    """Everything the guest needs as one archive in the kernel's format, uncompressed."""
    python = next(path for path in (tree / "usr/bin").iterdir() if re.fullmatch(r"python3\.\d+", path.name))
    libraries = {path.name: path for path in tree.joinpath("usr/lib").rglob("lib*.so*")}
    libraries |= {path.name: path for path in tree.joinpath("usr").glob("lib*/ld-linux*")}
    libraries |= {path.name: path for path in tree.joinpath("usr/lib").glob("*/ld-linux*")}
    archive = Archive()
    for folder in EMPTY_FOLDERS:
        archive.folder(folder)
    programs = [tree / name for name in PROGRAMS if (tree / name).exists()]
    for program in (*programs, python):
        archive.file(str(program.relative_to(tree)), program.read_bytes(), executable=True)
    for library in _closure([*programs, python], libraries):
        archive.file(f"usr/lib/{library}", libraries[library].read_bytes(), executable=True)
    archive.link("lib", "usr/lib")
    archive.link("lib64", "usr/lib")
    for folder in (*FOLDERS, f"usr/lib/{python.name}"):
        for path in sorted(tree.joinpath(folder).rglob("*")):
            if path.is_file():
                archive.file(str(path.relative_to(tree)), path.read_bytes())
    modules = list(_modules(tree))
    for name, content in modules:
        archive.file(f"modules/{name}", content)
    archive.file("modules/order", "".join(f"{name}\n" for name, _ in modules).encode())
    for name, text in TEXTS.items():
        archive.file(name, text.encode())
    archive.file("init", (HERE / "init").read_bytes(), executable=True)
    archive.file("agent.py", (HERE / "agent.py").read_bytes())
    if peer is not None:
        archive.file("usr/bin/btgatt-server", peer.read_bytes(), executable=True)
    initramfs.write_bytes(archive.packed())


def _closure(programs: Iterable[Path], libraries: dict[str, Path]) -> list[str]:
    """Names of all the libraries that programs need, and those need, in turn."""
    found: set[str] = set()
    waiting = list(programs)
    while waiting:
        for name in _needed(waiting.pop().read_bytes()):
            if name not in found:
                if name not in libraries:
                    raise RuntimeError(f"no package brought {name}")
                found.add(name)
                waiting.append(libraries[name])
    found |= {name for name in libraries if name.startswith("ld-linux-x86-64")}
    return sorted(found)


def _needed(elf: bytes) -> Iterator[str]:
    """The libraries an ELF file asks for: its DT_NEEDED entries (System V ABI, chapter 5)."""
    if not elf.startswith(b"\x7fELF\x02"):
        return
    table, size, count = struct.unpack_from("<Q", elf, 0x20)[0], *struct.unpack_from("<HH", elf, 0x36)
    segments = [struct.unpack_from("<IIQQQQ", elf, table + size * n) for n in range(count)]
    for kind, _, offset, _, _, length in segments:
        if kind != 2:  # PT_DYNAMIC
            continue
        entries = [struct.unpack_from("<QQ", elf, at) for at in range(offset, offset + length, 16)]
        strings = next(value for tag, value in entries if tag == 5)  # DT_STRTAB, an address in memory
        start = next(
            strings - at + where for load, _, where, at, _, many in segments if load == 1 and at <= strings < at + many
        )
        for tag, value in entries:
            if tag == 1:
                yield elf[start + value : elf.index(b"\0", start + value)].decode()


def _modules(tree: Path) -> Iterator[tuple[str, bytes]]:
    """The kernel's modules, each after those it depends on; one that is built in is not there as a file."""
    files = {
        path.name.split(".")[0].replace("-", "_"): path for path in tree.joinpath("usr/lib/modules").rglob("*.ko*")
    }
    done: set[str] = set()

    def with_needs(name: str) -> Iterator[tuple[str, bytes]]:
        if name in done or name not in files:
            return
        done.add(name)
        content = files[name].read_bytes()
        if files[name].suffix == ".xz":
            content = lzma.decompress(content)
        depends = re.search(rb"\0depends=([^\0]*)\0", content)
        for need in depends[1].decode().split(",") if depends else []:
            yield from with_needs(need.replace("-", "_"))
        yield f"{name}.ko", content

    for name in MODULES:
        yield from with_needs(name)


class Archive:
    """A cpio archive ("newc"), the format of an initramfs."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._folders: set[str] = set()
        self._inodes = 0

    def folder(self, name: str) -> None:
        """An empty folder, with those around it."""
        for path in (*reversed(Path(name).parents), Path(name)):
            if str(path) != "." and str(path) not in self._folders:
                self._folders.add(str(path))
                self._entry(str(path), 0o040755, b"")

    def file(self, name: str, content: bytes, *, executable: bool = False) -> None:
        """A file, with the folders around it."""
        self.folder(str(Path(name).parent))
        self._entry(name, 0o100755 if executable else 0o100644, content)

    def link(self, name: str, target: str) -> None:
        """A symbolic link."""
        self._entry(name, 0o120777, target.encode())

    def packed(self) -> bytes:
        """The archive, ended."""
        self._entry("TRAILER!!!", 0, b"")
        return b"".join(self._parts)

    def _entry(self, name: str, mode: int, content: bytes) -> None:
        self._inodes += 1
        numbers = (self._inodes, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name.encode() + b"\0"
        self._parts += (head, bytes(-len(head) % 4), content, bytes(-len(content) % 4))


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]).absolute()))
    except Cannot as reason:
        print(reason)  # noqa: T201 - a script
        sys.exit(CANNOT)
