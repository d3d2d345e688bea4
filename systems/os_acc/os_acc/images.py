"""The checks of a bitstream before it is written (OSACC-065)."""

import hashlib

from os_acc.control import Image
from os_acc.objects import VAN


def check(image: Image, van: VAN) -> str | None:
    """Why a bitstream must not be written for a VAN, or None."""
    try:
        with open(image.path, 'rb') as stream:
            digest = hashlib.file_digest(stream, 'sha256').hexdigest()
    except OSError as error:
        return str(error)
    if digest != image.sha256:
        return f'its digest is {digest} and should be {image.sha256}'
    if van.region_uuid not in image.regions:
        return (f'it is for the regions {", ".join(sorted(image.regions))} '
                f'and not for {van.region_uuid}')
    return None
