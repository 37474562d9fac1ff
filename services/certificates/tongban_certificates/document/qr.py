"""The QR code of the verification address (GB/T 18284)."""

import io

import segno

_MASK = 2


def svg(address: str) -> str:
    """An SVG of the QR code that holds ``address``, error level M.

    The mask is fixed: a search for the best one costs more than signing the certificate, and readers accept every mask.
    """
    code = segno.make(address, error="m", mask=_MASK, micro=False, boost_error=False)
    out = io.BytesIO()
    code.save(out, kind="svg", xmldecl=False, border=4, omitsize=True, svgclass=None, lineclass=None)
    return out.getvalue().decode()
