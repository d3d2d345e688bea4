"""The checks of a bitstream before it is written (OSACC-065)."""

import hashlib

from os_acc.control import Image
from os_acc.objects import VAN

# SHA-256 and what is stronger (BITS-006)
STRONG = ('sha256', 'sha384', 'sha512', 'sha3_256', 'sha3_384', 'sha3_512')


def check(image: Image, van: VAN) -> str | None:
    """Why a bitstream must not be written for a VAN, or None."""
    if image.algorithm not in STRONG:
        return (f'its digest is by {image.algorithm or "nothing"}, and not '
                'by SHA-256 or what is stronger')
    try:
        with open(image.path, 'rb') as stream:
            digest = hashlib.file_digest(
                stream, image.algorithm).hexdigest()
    except OSError as error:
        return str(error)
    if digest != image.digest:
        return f'its digest is {digest} and should be {image.digest}'
    if van.region_uuid not in image.regions:
        return (f'it is for the regions {", ".join(sorted(image.regions))} '
                f'and not for {van.region_uuid}')
    return None
