"""Recomputes what the simulator wrote: IP and TCP checksums, MPTCP tokens, HMACs and DSS checksums.

Reads packets as hexadecimal lines (raw IP) and prints what it has found right, by kind. The first
difference ends it with a message. Written from RFC 6824 and RFC 8684, not from the simulator.
"""
import hashlib
import hmac
import sys
from collections import Counter


def ones(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def fail(number, what):
    sys.exit(f"packet {number}: {what}")


def options(data):
    at = 0
    while at < len(data) and data[at] != 0:
        if data[at] == 1:
            at += 1
            continue
        length = data[at + 1]
        yield data[at], data[at:at + length]
        at += length


class Connection:
    def __init__(self):
        self.version = None
        self.keys = {}

    def hash(self):
        return hashlib.sha256 if self.version else hashlib.sha1

    def token(self, key):
        return self.hash()(key).digest()[:4]

    def mac(self, first, second, message):
        return hmac.new(first + second, message, self.hash()).digest()


found = Counter()
connection = Connection()
joins = {}
streams = {}
mappings = []

for number, line in enumerate(sys.stdin, 1):
    packet = bytes.fromhex(line.strip())
    if packet[0] >> 4 == 4:
        if ones(packet[:20]) != 0xFFFF:
            fail(number, "IP checksum")
        found["ip"] += 1
        src, dst, tcp = packet[12:16], packet[16:20], packet[20:]
    else:
        src, dst, tcp = packet[8:24], packet[24:40], packet[40:]
    if ones(src + dst + len(tcp).to_bytes(4, "big") + (6).to_bytes(4, "big") + tcp) != 0xFFFF:
        fail(number, "TCP checksum")
    found["tcp"] += 1
    source, destination = src + tcp[:2], dst + tcp[2:4]
    flow, back = (source, destination), (destination, source)
    seq, flags = int.from_bytes(tcp[4:8], "big"), tcp[13]
    header = (tcp[12] >> 4) * 4
    payload = tcp[header:]
    syn, ack = flags & 2, flags & 16
    if syn:
        streams[flow] = (seq, {})
    isn, stream = streams.setdefault(flow, (seq, {}))
    if payload:
        stream[(seq - isn) & 0xFFFFFFFF] = payload
    for kind, body in options(tcp[20:header]):
        if kind != 30:
            continue
        subtype = body[2] >> 4
        if subtype == 0:
            connection.version = body[2] & 15
            end = "client" if syn and not ack or len(body) >= 20 else "server"
            if len(body) in (20, 22, 24):
                for who, key in (("client", body[4:12]), ("server", body[12:20])):
                    if connection.keys.setdefault(who, key) != key:
                        fail(number, f"the {who}'s key changed")
                found["keys"] += 1
            elif len(body) == 12:
                connection.keys[end] = body[4:12]
            if len(body) == 24:
                digest = connection.hash()(connection.keys["client"]).digest()
                dsn = (int.from_bytes(digest[-8:], "big") + 1) % 2**64
                length = int.from_bytes(body[20:22], "big")
                mappings.append((number, flow, dsn, 1, length, 0, body[22:24]))
        elif subtype == 1 and len(body) == 12:
            if body[4:8] != connection.token(connection.keys["server"]):
                fail(number, "token")
            found["token"] += 1
            joins[flow] = [body[8:12], None]
        elif subtype == 1 and len(body) == 16:
            nonces = joins[back]
            nonces[1] = body[12:16]
            keys = connection.keys
            mac = connection.mac(keys["server"], keys["client"], nonces[1] + nonces[0])
            if body[4:12] != mac[:8]:
                fail(number, "HMAC of the SYN/ACK")
            found["hmac syn/ack"] += 1
        elif subtype == 1 and len(body) == 24:
            nonces, keys = joins[flow], connection.keys
            mac = connection.mac(keys["client"], keys["server"], nonces[0] + nonces[1])
            if body[4:24] != mac[:20]:
                fail(number, "HMAC of the ACK")
            found["hmac ack"] += 1
        elif subtype == 2:
            bits, at = body[3], 4
            if bits & 1:
                at += 8 if bits & 2 else 4
            if not bits & 4:
                continue
            size = 8 if bits & 8 else 4
            dsn, at = int.from_bytes(body[at:at + size], "big"), at + size
            ssn, length = int.from_bytes(body[at:at + 4], "big"), int.from_bytes(body[at + 4:at + 6], "big")
            if len(body) == at + 8:
                if size == 4:
                    key = connection.keys["client" if flow in joins or destination[-2:] == b"\x13\x89" else "server"]
                    idsn = int.from_bytes(connection.hash()(key).digest()[-8:], "big")
                    dsn = idsn + ((dsn - idsn) & 0xFFFFFFFF)
                mappings.append((number, flow, dsn % 2**64, ssn, length, bits >> 4 & 1, body[at + 6:at + 8]))
        elif subtype == 3 and connection.version == 1 and not body[2] & 1:
            keys = connection.keys
            address = body[4:-8] if len(body) in (16, 28) else body[4:-10]
            port = b"\0\0" if len(body) in (16, 28) else body[-10:-8]
            if body[-8:] != connection.mac(keys["server"], keys["client"], body[3:4] + address + port)[-8:]:
                fail(number, "HMAC of ADD_ADDR")
            found["add_addr"] += 1

for number, flow, dsn, ssn, length, fin, checksum in mappings:
    if length == 0:
        continue
    data, at, end = b"", ssn, ssn + length - fin
    stream = streams[flow][1]
    while at < end and at in stream:
        data += stream[at]
        at += len(stream[at])
    if at < end:
        continue
    data = data[:length - fin]
    pseudo = dsn.to_bytes(8, "big") + ssn.to_bytes(4, "big") + length.to_bytes(2, "big") + checksum
    if ones(pseudo + data) != 0xFFFF:
        fail(number, f"DSS checksum of {length} bytes at {ssn}")
    found["dss"] += 1

print(" ".join(f"{name.replace(' ', '_')}={count}" for name, count in sorted(found.items())))
