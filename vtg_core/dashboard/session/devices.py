"""Where the page's passes may run: the devices of this machine, as a person chooses among them."""

from vtg_core.checkpoints.placement import Device, devices_here
from vtg_core.dashboard.settings import Settings
from vtg_core.errors import VTGError


def is_offered(settings: Settings) -> bool:
    """Return whether a person may choose: not among visitors, for each a copy of the weights, nor where several cards share them."""
    return not (settings.is_public or settings.device_map)


def device_choices(settings: Settings) -> list[tuple[str, str]]:
    """Return (words, name) of what can be chosen: what the page was started with, ``auto``, and each device that is here."""
    here = devices_here()
    names = dict.fromkeys((settings.device, Device.AUTO, *here))
    return [(f"{name}: {here[0]}" if name == Device.AUTO else str(name), str(name)) for name in names]


def check_choice(settings: Settings, device: object) -> str:
    """Return a device that a page chose, if it was offered: whoever can reach the page can send anything.

    Raises:
        VTGError: it was not.
    """
    names = [name for _, name in device_choices(settings)]
    if not is_offered(settings) or not isinstance(device, str) or device not in names:
        raise VTGError(f"the device must be one that this page offers ({', '.join(names)}); choose it there")
    return device
