#!/usr/bin/env python3
"""floors.py SOURCE-FOLDER: who may include whom.

Reads each #include of include/, src/ and cmd/ and checks it against the table
below. A floor may include its own headers and those of the floors in its row,
and of the public headers those in its row. Private headers (internal.h,
private.h at the end) stay on their floor. A header of the system must be of
the C library or POSIX, but for the libraries in the row (a folder, or one
header of it).
"""
import pathlib
import re
import sys

EVERY_PUBLIC = {path.stem for path in pathlib.Path(sys.argv[1]).glob("include/envoi/*.h")}

NETLINK = {"linux/netlink", "linux/rtnetlink"}

# floor: (floors below, public headers, other libraries)
FLOORS = {
    # Names and what can be shown of them; flock(2), inotify(7), prctl(2),
    # rtnetlink(7).
    "base": (
        set(),
        {"error"},
        {"idn2", "unictype", "unistr", "sys/file", "sys/inotify", "sys/prctl",
         "sys/sendfile"} | NETLINK,
    ),
    "protocol": (
        {"base"},
        {"error", "session"},
        # Digests and random octets, no TLS; normalisation.
        {"openssl/crypto", "openssl/evp", "openssl/hmac", "openssl/rand"}
        | {"unictype", "uninorm", "unistr"},
    ),
    "message": (
        {"base"},
        {"error", "address", "compose", "message", "repair"},
        # One form of local parts outside of ASCII.
        {"unictype", "uninorm", "unistr"},
    ),
    "net": (
        {"base", "protocol", "message"},
        {"error", "address", "message", "server", "session", "tls"},
        {"openssl"},
    ),
    "config": (
        {"base", "message"},
        {"error", "address", "aliases", "message", "secret", "config"},
        set(),
    ),
    "queue": (
        {"base", "message"},
        {"error", "address", "bounce", "keeper", "message", "queue"},
        set(),
    ),
    "submit": (
        {"base", "protocol", "message", "net", "config", "queue"},
        EVERY_PUBLIC - {"sink"},
        set(),
    ),
    "sink": (
        {"base", "protocol", "message", "net"},
        EVERY_PUBLIC - {"submit", "report"},
        set(),
    ),
}

C_LIBRARY = set(
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal"
    " stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath"
    " threads time uchar wchar wctype".split()
)
POSIX = set(
    "arpa/inet dirent fcntl getopt grp langinfo net/if netdb netinet/in netinet/tcp poll pwd spawn strings"
    " sys/mman sys/resource sys/select sys/socket sys/stat sys/statvfs sys/time sys/types sys/uio sys/un"
    " sys/wait syslog termios unistd".split()
)

# The engine is pure: what it may have of the C library has no I/O but
# <stdio.h>, of which symbols.py sees that only formatting is used.
PURE_FLOORS = {"protocol"}

INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>|(.+))')


def check_system(place, header, libraries, pure):
    name = header[:-2] if header.endswith(".h") else header
    if name in C_LIBRARY or (name in POSIX and not pure):
        return None
    if name in libraries or name.split("/")[0] in libraries:
        return None
    if name in POSIX:
        return f"{place} is pure and must not include <{header}>"
    return f"{place} must not include <{header}>"


def check_public_header(header, quoted):
    if quoted:
        return "a public header includes with <> only"
    if header.startswith("envoi/"):
        return None if header[6:-2] in EVERY_PUBLIC else f"there is no <{header}>"
    return check_system("include/", header, set(), True)


def check_command(header, quoted, folder):
    if quoted:
        known = "/" not in header and (folder / header).is_file()
        return None if known else f'cmd/ has no header "{header}"'
    if header.startswith("envoi/"):
        return None if header[6:-2] in EVERY_PUBLIC else f"there is no <{header}>"
    return check_system("cmd/", header, set(), False)


def check_floor(floor, header, quoted, sources):
    below, public, libraries = FLOORS[floor]
    place = f"src/{floor}/"
    if quoted:
        other, _, name = header.partition("/")
        if ".." in header or not (sources / header).is_file():
            return f'there is no "{header}"; the path begins with the floor'
        if other != floor and other not in below:
            return f'{place} must not include "{header}"'
        if other != floor and name.endswith(("internal.h", "private.h")):
            return f'"{header}" is private to its floor'
        return None
    if header.startswith("envoi/"):
        return None if header[6:-2] in public else f"{place} must not include <{header}>"
    return check_system(place, header, libraries, floor in PURE_FLOORS)


def includes(path):
    """(line number, header, quoted) of each #include."""
    for number, line in enumerate(path.read_text().split("\n"), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] or match[2] or match[3], match[1] is not None


def own_header_first(path):
    """A file with a header of its own includes it first: so it stands alone."""
    if path.parent.name == "cmd":
        own = {f"{path.stem}.h"}
    else:
        own = {f"{path.parent.name}/{path.stem}.h", f"envoi/{path.stem}.h"}
    for place, (number, header, _) in enumerate(includes(path)):
        if place > 0 and header in own:
            return number, "its own header comes first"
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    found, faults = 0, []
    for path in sorted(root.glob("*/**/*.[ch]")):
        parts = path.relative_to(root).parts
        if parts[0] not in ("include", "src", "cmd"):
            continue
        if parts[0] == "src" and (len(parts) != 3 or parts[1] not in FLOORS):
            faults.append((path, 1, "is on no floor of tests/checks/floors.py"))
            continue
        for number, header, quoted in includes(path):
            found += 1
            if parts[0] == "include":
                fault = check_public_header(header, quoted)
            elif parts[0] == "cmd":
                fault = check_command(header, quoted, root / "cmd")
            else:
                fault = check_floor(parts[1], header, quoted, root / "src")
            if fault:
                faults.append((path, number, fault))
        if path.suffix == ".c" and (fault := own_header_first(path)):
            faults.append((path, *fault))
    for path, number, fault in faults:
        print(f"{path.relative_to(root)}:{number}: {fault}")
    print(f"{found} includes, {len(faults)} of them wrong")
    return 1 if faults or found == 0 else 0


sys.exit(main())
