#!/usr/bin/env python3
"""symbols.py NM LIBRARY...: what the objects of the static libraries hold.

- A symbol that other files can see begins with "envoi_".
- No object holds data that can be written: there is no hidden state.
- The objects of src/protocol/, and those of src/base/ that they call, call
  nothing of the C library but what only computes: so the engine does no I/O,
  reads no clock and no environment. Of OpenSSL it has digests and random
  octets, of libunistring normalisation, for SASL.

What compilers and sanitizers add by themselves is left out of account.
"""
import re
import subprocess
import sys

PREFIX = "envoi_"
ENGINE = "src_protocol_"

# All that a pure object may call. strerror() reads a table of the C library.
COMPUTES = set(
    "malloc calloc realloc free qsort abort"
    " memcpy memmove memset memcmp bcmp memchr"
    " strlen strnlen strchr strrchr strcmp strncmp strspn strcspn strpbrk strstr strerror"
    " snprintf vsnprintf"
    " CRYPTO_memcmp EVP_Digest EVP_MD_get_size EVP_md5 EVP_sha1 EVP_sha256 HMAC"
    " PKCS5_PBKDF2_HMAC RAND_bytes"
    " u8_mbtoucr u8_uctomb u8_uctomb_aux uc_bidi_category uc_is_general_category_withtable"
    " uninorm_filter_create uninorm_filter_free uninorm_filter_write uninorm_nfkc".split()
)


# Added by compilers: sanitizers, coverage, stack protection, assert().
ADDED = re.compile(
    r"_*(asan|ubsan|tsan|msan|lsan|sanitizer|sancov|gcov|llvm|stack_chk|assert|odr_asan|gcc)[._]"
    r"|__unnamed_|__start_|__stop_|\.L|_GLOBAL_|__errno_location$"
)
FORTIFIED = re.compile(r"__(.+)_chk$")

WRITTEN = re.compile(r"\.(data|bss|tdata|tbss)\b(?!\.rel\.ro)|\*COM\*")


class Object:
    def __init__(self, name):
        self.name = name
        self.defined = set()
        self.wanted = set()
        self.written = set()

    def add(self, symbol, kind, form, section):
        if ADDED.match(symbol):
            return
        if kind == "U":
            fortified = FORTIFIED.match(symbol)
            self.wanted.add(fortified[1] if fortified else symbol)
        elif form not in ("SECTION", "FILE"):
            if kind.isupper():
                self.defined.add(symbol)
            if WRITTEN.match(section):
                self.written.add(symbol)


def read_objects(nm, library):
    """Reads what nm prints in its System V form, an object after the other."""
    result = subprocess.run([nm, "-f", "sysv", library], capture_output=True, text=True, check=True)
    objects = []
    for line in result.stdout.split("\n"):
        if line.startswith("Symbols from "):
            name = line.removeprefix("Symbols from ").rstrip(":").rstrip("]")
            objects.append(Object(name.replace("[", "/").split("/")[-1].removesuffix(".o")))
            continue
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 7 and fields[0] != "Name":
            objects[-1].add(fields[0], fields[2], fields[3], fields[6])
    return objects


def engine_calls(objects):
    """(object, symbol) of each call out of what the engine is linked with."""
    home = {symbol: obj for obj in objects for symbol in obj.defined}
    todo = [obj for obj in objects if obj.name.startswith(ENGINE)]
    seen = set(todo)
    while todo:
        obj = todo.pop()
        for symbol in sorted(obj.wanted):
            if symbol not in home:
                yield obj.name, symbol
            elif home[symbol] not in seen:
                seen.add(home[symbol])
                todo.append(home[symbol])


def main():
    nm, libraries = sys.argv[1], sys.argv[2:]
    objects = [obj for library in libraries for obj in read_objects(nm, library)]
    engine = [obj for obj in objects if obj.name.startswith(ENGINE)]
    faults = []
    for obj in objects:
        for symbol in sorted(obj.defined):
            if not symbol.startswith(PREFIX):
                faults.append(f"{obj.name}: {symbol} does not begin with {PREFIX}")
        for symbol in sorted(obj.written):
            faults.append(f"{obj.name}: {symbol} can be written: no state outside of objects")
    for name, symbol in engine_calls(objects):
        if symbol not in COMPUTES:
            faults.append(f"{name}: calls {symbol}, and the engine does no more than compute")
    print("\n".join(faults))
    print(f"{len(objects)} objects, {len(engine)} of the engine, {len(faults)} faults")
    return 1 if faults or not engine else 0


sys.exit(main())
