"""A fault for each requirement that a test shows: the test has to fail.

``python -m harness.planted [ID ...]`` plants each fault in a copy and runs
the tests that claim the requirement, as :mod:`tools.planted` says.
"""

import pathlib
import sys

AGENT, WORKERS, WORKER, LEASES, SERVER, SYSFS, ASSIGNABLE = (
    f'os_acc_agent/{name}.py' for name in (
        'agent', 'workers', 'worker', 'leases', 'server', 'sysfs',
        'assignable'))
GPU, FPGA = 'os_acc_drivers/gpu.py', 'os_acc_drivers/fpga.py'
PLUGIN, PLUGIN_FPGA, ELEMENTS = (
    f'os_acc_libvirt/{name}.py' for name in ('plugin', 'fpga', 'elements'))
NOVALINK = 'os_acc_novalink/plugin.py'
STEPS, API, FLAVOR, PROVIDERS = (
    'os_acc/steps.py', 'harness/api.py', 'harness/flavor.py',
    'harness/providers.py')
NETWORK = ("__import__('socket').socket(type=2).connect("
           "('127.0.0.1', 9))")

#: requirement -> (file, what stands there once, what is put there)
FAULTS: dict[str, list[tuple[str, str, str]]] = {
    'BITS-001': [
        (FLAVOR, 'if value is None or not form.fullmatch(value):',
         'if value is None:'),
        (FLAVOR, 'if value is None or not form.fullmatch(value):',
         'if value and not form.fullmatch(value):'),
        (FLAVOR, "'accel:format': re", "'accel:region_type': re"),
        (FLAVOR, '    if described is None:', '    if described == 0:')],
    'BITS-003': [
        (FLAVOR, 'if group.function not in (None, function):', 'if False:'),
        (FLAVOR, 'if group.function not in (None, function):',
         'if (group.function or function).lower() != function:')],
    'BITS-005': [
        (STEPS, 'self.images.fetch(context, van.bitstream_id,',
         "self.images.fetch(context, van.function_wanted or '',"),
        (STEPS, 'self.images.fetch(context, van.bitstream_id,',
         "self.images.fetch(context, 'image-7',"),
        (STEPS, 'self.images.fetch(context, van.bitstream_id,',
         'self.images.find(context, van.function_wanted,')],
    'BITS-006': [
        ('os_acc/images.py', "STRONG = ('sha256',",
         "STRONG = ('sha1', 'sha256',"),
        ('os_acc/images.py', 'if image.algorithm not in STRONG:',
         "if image.algorithm in ('md5', 'sha1', 'sha224'):"),
        ('os_acc/images.py', "'sha3_512')", "'sha3_512', 'md5')")],
    'BITS-016': [
        (FPGA, "interface=self.sysfs.read(card, f'{place}/interface_id'),",
         "interface='shell-1',"),
        (FPGA, "interface=self.sysfs.read(card, f'{place}/interface_id'),",
         "interface=globals().setdefault('types', {}).setdefault(\n"
         "                    place, self.sysfs.read(\n"
         "                        card, f'{place}/interface_id')),")],
    'DRIVER-001': [
        ('os_acc_agent/driver.py', "'cyborg.accelerator.driver'",
         "'os_acc'"),
        (WORKERS, 'entry_points(group=NAMESPACE)', 'entry_points()')],
    'DRIVER-002': [
        (AGENT, 'if name not in installed:', 'if False:'),
        (AGENT, 'if name not in installed:',
         'if name.lower().strip() not in installed:')],
    'DRIVER-003': [
        (AGENT, 'major != INTERFACE[0] or minor > INTERFACE[1]',
         'major != INTERFACE[0]'),
        (AGENT, 'major != INTERFACE[0] or minor > INTERFACE[1]',
         'minor > INTERFACE[1]')],
    'DRIVER-004': [
        (AGENT, '{**self._contested(found),', '{'),
        (AGENT, 'for key in (device.address, f', 'for key in (f'),
        (AGENT, 'mine = (driver in self.drivers and device.identity\n'
                '                        not in self.report.withheld)',
         'mine = driver in self.drivers')],
    'DRIVER-005': [
        (SERVER, "    first, _, second = message", f'    {NETWORK}\n'
         '    first, _, second = message')],
    'DRIVER-006': [(SERVER, 'if uid not in allowed:', 'if False:')],
    'DRIVER-007': [
        (SERVER, "os.fdopen(os.dup(files[0]), 'rb')",
         "open(os.readlink(f'/proc/self/fd/{files[0]}'), 'rb')"),
        (SERVER, 'if len(files) != 1:', 'if len(files) < 1:'),
        (SERVER, "tag='program',\n              forbid_unknown_fields=True",
         "tag='program'")],
    'DRIVER-008': [
        (GPU, "if self._share(handle, name) != 'mine':", 'if False:'),
        (GPU, "            raise DriverError(f'{name} is still on {parent}')",
         '            pass'),
        (GPU, 'if any(memory.read_bytes()):', 'if False:'),
        (FPGA, 'if found != wanted:', 'if False:'),
        (FPGA, "if self.sysfs.read(function, 'enabled') != value:",
         'if False:'),
        (FPGA, "if self.sysfs.read(address, name) != '0':", 'if False:'),
        (FPGA, 'if len(self._functions(card)) != int(wanted):',
         'if False:'),
        (SYSFS, "            raise OSError(f'{address} is not bound to "
                "{driver}')", '            pass'),
        (SYSFS, "if self.read(address, 'registers') != '0':", 'if False:')],
    'DRIVER-009': [
        (GPU, '        if not found:', '        if True:'),
        (GPU, "        if self.sysfs.has(parent, name):\n"
              "            self.sysfs.write(parent, f'{name}/remove'",
         "        if True:\n"
         "            self.sysfs.write(parent, f'{name}/remove'"),
        (FPGA, "        self.sysfs.write(card, f'{place}/freeze', '1')",
         "        if self._function(card, place) == wanted:\n"
         "            raise DriverError('it is there')\n"
         "        self.sysfs.write(card, f'{place}/freeze', '1')")],
    'DRIVER-010': [
        (GPU, "        place = self._place(parent, handle.data['type_name'])",
         "        place = self.place = self._place(\n"
         "            parent, handle.data['type_name'])"),
        (FPGA, "        content = bitstream.read()",
         "        content = type(self).content = bitstream.read()")],
    'DRIVER-011': [
        (AGENT, "            self._operate(driver, 'attach', deadline, locks,",
         "            self.leases.put(Lease(\n"
         "                identity=known.identity, type='', driver=driver,\n"
         "                region=None, data={}, van=van, instance='',\n"
         "                time=0), False)\n"
         "            self._operate(driver, 'attach', deadline, locks,"),
        (AGENT, "            self._operate(driver, 'detach', deadline, locks,"
                " handle=known,\n                          name=van)\n"
                "            self.leases.remove(known.identity)",
         "            self.leases.remove(known.identity)\n"
         "            self._operate(driver, 'detach', deadline, locks,"
         " handle=known,\n                          name=van)")],
    'DRIVER-012': [
        (AGENT, "            self._refuse_leased(known, place)\n"
                "            self._operate(driver, 'erase'",
         "            self._operate(driver, 'erase'"),
        (AGENT, "            self._refuse_leased(known, place)\n"
                "            self._operate(driver, 'program'",
         "            self._operate(driver, 'program'"),
        (AGENT, "if lease and lease.van != van:\n                raise",
         "if False:\n                raise"),
        (AGENT, 'if other.region == region.identity]', 'if False]')],
    'DRIVER-013': [
        (AGENT, 'self.locks.held([handle.identity],', 'self.locks.held([],'),
        (AGENT, 'self.locks.held([region.identity], [])',
         'self.locks.held([], [])'),
        (AGENT, '[handle.region] if handle.region else [])', '[])')],
    'DRIVER-014': [(WORKERS, 'keep = [*(locks or ()),', 'keep = [')],
    'DRIVER-015': [
        (WORKERS, 'deadline - MARGIN - time.monotonic())',
         'deadline + 30 - time.monotonic())'),
        (WORKERS, 'deadline - MARGIN - time.monotonic())',
         '2 * (deadline - time.monotonic()))')],
    'DRIVER-016': [
        (WORKERS, '        if interruptible:', '        if False:'),
        (WORKERS, '        if interruptible:', '        if True:')],
    'DRIVER-017': [
        (GPU, "return DeviceState(True, self._share(handle, name) == 'mine')",
         "vars(self).setdefault('mine', self._share(handle, name))\n"
         "            return DeviceState(True, self.mine == 'mine')"),
        (FPGA, "            self._function(card, place))\n",
         "            vars(self).setdefault('was', self._function(\n"
         "                card, place)))\n")],
    'DRIVER-018': [
        (SYSFS, '        except FileNotFoundError:\n'
                '            if default is None:\n                raise\n'
                '            return default',
         "        except OSError:\n            return default or ''"),
        (FPGA, 'return [self._device(card) for card in self._cards()]',
         'return [self._device(card) for card in self._cards()][:3]')],
    'DRIVER-019': [
        (GPU, '        groups = self._joined(cards)',
         '        self.start([])\n        groups = self._joined(cards)'),
        (FPGA, 'return [self._device(card) for card in self._cards()]',
         'return self.start([]) or [\n'
         '            self._device(card) for card in self._cards()]')],
    'DRIVER-020': [
        (AGENT, 'return {**gone, **found}', 'return found'),
        (AGENT, 'for part in before if part.identity not in here))',
         'for part in before[:0]))'),
        (AGENT, '        if path.exists():', '        if False:')],
    'DRIVER-021': [
        (GPU, "identity=f'gpu-{serial}', type='GPU'",
         "identity=f'gpu-{address}', type='GPU'"),
        (FPGA, 'return f\'fpga-{self.sysfs.read(card, "serial_number")}\'',
         "return f'fpga-{card}'")],
    'DRIVER-022': [
        (AGENT, 'if not state.here:', 'if False:'),
        (GPU, '                and handle.identity.startswith(',
         '                or handle.identity.startswith('),
        (FPGA, 'return bool(card) and handle.identity == (',
         'return bool(card) or handle.identity == (')],
    'DRIVER-023': [
        (AGENT, 'except Unreadable:  # DRIVER-023\n'
                '            return Seen(None, busy, False)',
         'except Unreadable:\n            lease = None'),
        (LEASES, '.hexdigest() != file.checksum', ".hexdigest() == ''"),
        (LEASES, 'file.format != FORMAT or ', '')],
    'DRIVER-024': [
        (GPU, "        self._here_or_raise(handle)\n"
              "        if handle.type == MDEV:\n"
              "            self._make(handle, name)",
         f"        {NETWORK}\n        if handle.type == MDEV:\n"
         "            self._make(handle, name)"),
        (FPGA, "        content = bitstream.read()",
         f"        {NETWORK}\n        content = bitstream.read()"),
        (GPU, '        groups = self._joined(cards)',
         f'        {NETWORK}\n        groups = self._joined(cards)')],
    'DRIVER-025': [
        (WORKER, '    confine(call.capabilities)',
         '    confine(CAPABILITIES)'),
        (WORKER, '            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)',
         '            pass')],
    'DRIVER-026': [
        (FPGA, 'if not mine and self.sysfs.read(card, ',
         'if self.sysfs.read(card, '),
        (FPGA, '            for function in self._functions(card):\n'
               '                self.sysfs.bind(function, VFIO)',
         '            for function in self._functions(card):\n'
         '                self.sysfs.bind(function, VFIO)\n'
         '                self.sysfs.reset(function)'),
        (GPU, '                for function in self._functions(address):\n'
              '                    self.sysfs.bind(function, VFIO)',
         '                for function in self._functions(address):\n'
         '                    self.sysfs.bind(function, VFIO)\n'
         '                    self.sysfs.reset(function)')],
    'DRIVER-027': [
        (GPU, '        self.detach(handle, name, deadline)\n        first',
         '        first'),
        (FPGA, '            self.detach(handle, name, deadline)\n', ''),
        (FPGA, "                self._enable(function, '0')\n", '')],
    'DRIVER-028': [
        (AGENT, 'if not self._state_of(driver, known, van, deadline).set_up:',
         'if False:')],
    'FPGAX86-001': [(PLUGIN, 'if bound != VFIO:', 'if False:')],
    'FPGAX86-002': [
        (PLUGIN, 'in self._libvirtd(deadline).listAllDomains():', 'in ():'),
        (PLUGIN, 'for member in self._group(address)\n', 'for member in ()\n'),
        (PLUGIN, 'if not self._is_bridge(member))', 'if True)')],
    'FPGAX86-003': [
        (FPGA, "'address': numbers(function),", "'address': numbers(card),")],
    'FPGAX86-004': [
        (ELEMENTS, "managed='yes' if managed else 'no'", "managed='yes'"),
        (PLUGIN, 'managed=False)  # FPGAX86-004', 'managed=True)'),
        (PLUGIN_FPGA, 'managed=False)', 'managed=True)')],
    'FPGAX86-005': [
        ('harness/virt.py', 'for data in devices:',
         'for data in devices[:1]:'),
        (ELEMENTS, '                for address in card.addresses]',
         '                for address in card.addresses\n'
         "                if __import__('os').path.exists('/nowhere')]")],
    'FPGAX86-006': [
        (PLUGIN, '        domain = self._domain(van, deadline)\n'
                 '        if domain is not None:\n            self._remove',
         '        self.agent.detach(handle(van), van.uuid, deadline)\n'
         '        domain = self._domain(van, deadline)\n'
         '        if domain is not None:\n            self._remove')],
    'FPGAX86-007': [
        (PLUGIN, 'if domain is not None and domain.isActive():', 'if False:'),
        (PLUGIN, '        self._refuse_if_active(van, deadline)\n'
                 '        domain =', '        domain ='),
        (PLUGIN, '        self._refuse_if_active(van, deadline)\n'
                 '        self.agent.erase', '        self.agent.erase'),
        (PLUGIN_FPGA, '        self._refuse_if_active(van, deadline)\n'
                      '        self.agent.erase', '        self.agent.erase'),
        (PLUGIN_FPGA, '        self._refuse_if_active(van, deadline)\n'
                      '        self.agent.program',
         '        self.agent.program')],
    'FPGAX86-008': [
        (PLUGIN, 'return Observation(Presence.UNKNOWN)  # FPGAX86-008',
         'return Observation(Presence.ABSENT)'),
        (PLUGIN, '            users = self._users(van, deadline)\n',
         '            users = Users(False, False, ())\n')],
    'FPGAX86-009': [
        (PLUGIN, 'if users.active and (leased or users.has_it):',
         'if users.active and leased:'),
        (PLUGIN, 'if users.active and (leased or users.has_it):',
         'if users.active and users.has_it:')],
    'FPGAX86-010': [
        (PLUGIN, 'if seen.van not in (None, van.uuid) or users.others:',
         'if seen.van not in (None, van.uuid):'),
        (PLUGIN, 'if seen.van not in (None, van.uuid) or users.others:',
         'if users.others:')],
    'FPGAX86-012': [
        (PLUGIN, '        self._check_groups(van, deadline)\n'
                 '        return self._attach_data(van)',
         "        (self.devices / 'probe').touch()\n"
         '        return self._attach_data(van)')],
    'FPGAX86-014': [
        (FPGA, 'if not mine and self.sysfs.read(card, ',
         'if self.sysfs.read(card, ')],
    'FPGAX86-015': [
        (FPGA, "has not come back')\n"
               "            self.sysfs.bind(function, VFIO)",
         "has not come back')")],
    'FPGAX86-016': [(FPGA, 'places = places[:1]', 'pass')],
    'FPGAX86-017': [
        (FPGA, "'sriov_drivers_autoprobe', '0')",
         "'sriov_drivers_autoprobe', '1')"),
        (FPGA, "        self._enable(function, '0')\n"
               "        self.sysfs.reset(function)\n\n",
         "        self._enable(function, '0')\n"
         "        self.sysfs.reset(function)\n"
         "        self.sysfs.bind(function, 'uio')\n\n")],
    'FPGAX86-018': [
        (FPGA, "f'{place}/freeze', '1')  # FPGAX86-018",
         "f'{place}/freeze', '0')")],
    'FPGAX86-019': [
        (FPGA, "if part != 'region' or interface != region.interface:",
         "if part != 'region':"),
        (FPGA, "        wanted = self._checked(content, region)",
         "        self.sysfs.write(card, f'{place}/memory', '1')\n"
         "        wanted = self._checked(content, region)")],
    'FPGAX86-020': [
        (FPGA, "            self._clear(self._here(handle), 'share')\n", ''),
        (FPGA, "            self.detach(handle, name, deadline)\n", ''),
        (FPGA, "            self._clear(self._here(handle), 'share')\n",
         "            for one in self._functions(self.sysfs.link(\n"
         "                    self._here(handle), 'physfn')):\n"
         "                self._clear(one, 'share')\n")],
    'FPGAX86-021': [(FPGA, 'functions = functions[:1]', 'pass')],
    'FPGAX86-022': [
        (FPGA, "            self.program(region, blank, deadline)",
         '            pass'),
        (FPGA, "        self._clear(card, f'{place}/memory')", '        pass'),
        (FPGA, "                self._clear(function, 'share')\n", '')],
    'FPGAX86-023': [
        (FPGA, 'if not self._blank(region.interface).exists():',
         'if False:')],
    'FPGAX86-025': [
        (FPGA, "if part != 'region' or interface != region.interface:",
         "if part != 'static' and interface != region.interface:")],
    'GPUX86-001': [
        (PLUGIN, 'types = (PCI_GPU, MDEV)', 'types = (PCI_GPU,)'),
        (PLUGIN, 'types = (PCI_GPU, MDEV)',
         "types = (PCI_GPU, MDEV, 'PCI_FPGA')")],
    'GPUX86-002': [
        (PLUGIN, 'for member in self._group(address)\n', 'for member in ()\n'),
        (PLUGIN, 'if not self._is_bridge(member))', 'if True)')],
    'GPUX86-004': [
        (GPU, 'if kind is None else self._shares(', '+ self._shares('),
        (GPU, "                       if kind is None else",
         "                       if True else")],
    'GPUX86-005': [
        (GPU, "if (self.sysfs.read(address, 'boot_vga', '0') == '1'\n"
              "                or ", 'if ('),
        (GPU, "\n                or self.sysfs.read(address, 'host_users', "
              "'0') != '0'", '')],
    'GPUX86-006': [
        (GPU, "                and not self.sysfs.has(address, 'physfn')]",
         '                ]')],
    'GPUX86-007': [
        (GPU, '                    group[member] = one',
         '                    pass'),
        (GPU, 'for member in one:', 'for member in (address, peer):')],
    'GPUX86-008': [
        (GPU, 'if any(memory.read_bytes()):', 'if False:'),
        (GPU, 'elif product not in CLEARED_BY_RESET:', 'elif False:'),
        (GPU, 'if product not in CLEARED_BY_HOST:', 'if False:'),
        (SYSFS, "if self.read(address, 'registers') != '0':", 'if False:')],
    'GPUX86-009': [
        (GPU, "if (self.sysfs.read(address, 'firmware_writable', '1') != "
              "'0'", 'if (False'),
        (GPU, "'firmware_writable', '1')", "'firmware_writable', '0')"),
        (GPU, "and serial not in self.settings", 'and not self.settings')],
    'GPUX86-010': [
        (GPU, "f'{place}/create', name)", "f'{place}/create', name[::-1])")],
    'GPUX86-011': [
        (GPU, "return 'mine' if fits else 'other'", "return 'mine'"),
        (GPU, "                        and self.sysfs.read(address, f'{name}"
              "/mdev_type/name')\n                        == "
              "handle.data['type_name'])", '                        )')],
    'GPUX86-012': [
        (GPU, 'else self._shares(address, serial,\n'
              '                                                         '
              'kind))',
         "else tuple(\n"
         "                handle for name in ('small', 'large')\n"
         "                for handle in self._shares(address, serial, name)\n"
         "            ))")],
    'GPUX86-013': [
        (GPU, 'return names[kind]', 'return sorted(names.values())[0]'),
        (GPU, '        if kind not in names:',
         '        names.setdefault(kind, max(names.values()))\n'
         '        if kind not in names:')],
    'GPUX86-016': [
        (GPU, "left = int(self.sysfs.read(address, f'{place}/available_"
              "instances'))", 'left = 4')],
    'GPUX86-017': [
        (GPU, "        if self.sysfs.has(parent, name):\n"
              "            self.sysfs.write(parent, f'{name}/remove', '1')",
         "        for other in self.sysfs.names(parent, '*/mdev_type'):\n"
         "            self.sysfs.write(parent, other.replace(\n"
         "                'mdev_type', 'remove'), '1')")],
    'OSACC-001': [
        ('os_acc/plugin.py', "NAMESPACE = 'os_acc'",
         "NAMESPACE = 'cyborg.accelerator.driver'"),
        ('os_acc/plugin.py', 'if extension.obj is not None}, failed)',
         "if extension.obj is not None} | {'own': __import__(\n"
         "                        'harness.odd').odd.Odd(None)}, failed)")],
    'OSACC-002': [
        ('os_acc/plugin.py', 'if kind in self._by_type:', 'if False:'),
        ('os_acc/plugin.py', 'if kind in self._by_type:',
         'if info.name in self._info and False:')],
    'OSACC-003': [
        ('os_acc/plugin.py', 'return interface[0] == INTERFACE[0] and ',
         'return '),
        ('os_acc/plugin.py', ' and interface[1] <= INTERFACE[1]', '')],
    'OSACC-004': [
        (STEPS, 'if not isinstance(data, AttachData):',
         'if not isinstance(data, AttachData) or data.data is None:'),
        (STEPS, 'if not isinstance(data, AttachData):',
         "if getattr(data, 'data') is None:")],
    'OSACC-005': [
        (STEPS, 'if not isinstance(data, AttachData):',
         "if __import__('os').uname().machine == 'ppc64le':"),
        (STEPS, 'if not isinstance(data, AttachData):',
         "if van.handle_type == 'libvirt':")],
    'OSACC-006': [
        (PLUGIN, 'import platform\n',
         'import platform\nimport urllib.request\n'),
        (NOVALINK, 'import time\n',
         'import time\n\nfrom os_acc.control import CyborgAPI\n'),
        ('os_acc_libvirt/host_socket.py', 'socket.AF_UNIX',
         'socket.AF_INET')],
    'OSACC-007': [
        (PLUGIN, 'import platform\n',
         'import platform\nfrom msgspec.structs import force_setattr\n'),
        (NOVALINK, 'import time\n',
         'import time\n\nfrom os_acc.journal import Journal\n')],
    'OSACC-010': [
        (PLUGIN, '            users = self._users(van, deadline)\n',
         '            users = self._users(van, deadline)\n'
         '            if not users.active and seen.attached:\n'
         '                self.agent.attach(handle(van), van.uuid, "",\n'
         '                                  deadline)\n'),
        (PLUGIN, 'return Observation(Presence.UNKNOWN)  # FPGAX86-008',
         'return vars(self).get("last") or Observation(Presence.ABSENT)'),
        (PLUGIN, '        return self._combined(van, seen, users)',
         '        vars(self).setdefault("was", {}).setdefault(\n'
         '            van.uuid, seen.function)\n'
         '        return self._combined(van, msgspec.structs.replace(\n'
         '            seen, function=self.was[van.uuid]), users)'),
        (NOVALINK, 'except (self._errors, NotPlugged):\n'
                   '            return Observation(Presence.UNKNOWN)',
         'except (self._errors, NotPlugged):\n'
         '            return Observation(Presence.ABSENT)'),
        (NOVALINK, "        user = (slot.part_uuid or '').lower()\n"
                   "        if not user:\n",
         "        user = (slot.part_uuid or '').lower()\n"
         "        if not user and partition is not None:\n"
         "            partition.update()\n"
         "        if not user:\n")],
    'OSACC-014': [
        (API, '            granted.append((van, may[0]',
         '            may[0].status, may[0].van = Status.CLAIMED, van.uuid\n'
         '            granted.append((van, may[0]'),
        (API, 'asked = sum(self._class_of(other) == name for other in vans)',
         'asked = 1')],
    'OSACC-057': [
        ('os_acc/timeouts.py',
         "                ('claim_timeout', t.rest_timeout, False),\n", ''),
        ('os_acc/timeouts.py', '2 * t.observe_timeout + max(', 'max('),
        ('os_acc/timeouts.py', "+ 3 * t.observe_timeout + t.fetch_timeout",
         '+ t.fetch_timeout'),
        ('os_acc/timeouts.py', '                 + t.plug_timeout, True),',
         '                 , True),'),
        ('os_acc/timeouts.py', 'ends + 3 * t.observe_timeout\n', 'ends\n')],
    'OSACC-061': [
        (STEPS, '            seen = self.observe(van, end)\n'
                '            if seen.presence is UNKNOWN:\n',
         "            with self.journal.lock('instance', 'other', 1):\n"
         '                seen = self.observe(van, end)\n'
         '            if seen.presence is UNKNOWN:\n')],
    'OSACC-062': [
        ('os_acc/library.py', 'raise InstanceBusy(str(error)) from error',
         'raise InstanceRunning(str(error)) from error'),
        ('os_acc/library.py',
         'def _set_released(self, instance_uuid: str) -> None:',
         'def _set_released(self, instance_uuid: str) -> None:\n'
         '        return')],
    'OSACC-067': [
        ('os_acc/journal.py', '            found = mark.read_text().strip()',
         '            found = mark.read_text().strip()\n'
         "            __import__('os').nice(-1)")],
    'OSACC-069': [
        ('os_acc/journal.py', ' or int(found) > FORMAT:', ':'),
        ('os_acc/journal.py', '            found = mark.read_text().strip()',
         '            found = mark.read_text().strip()\n'
         "            self.write(mark, b'%d\\n' % FORMAT)")],
    'PLAT-001': [
        (PLUGIN, "\n                and platform.machine() not in "
                 "('ppc64', 'ppc64le')", ''),
        (PLUGIN, "importlib.util.find_spec('libvirt') is not None", 'True'),
        (NOVALINK, "\n            and platform.machine() in "
                   "('ppc64', 'ppc64le')", ''),
        (NOVALINK, "importlib.util.find_spec('pypowervm') is not None",
         'True')],
    'PLAT-002': [(ELEMENTS, "'MDEV', 'PCI_FPGA'", "'MDEV', 'FPGA_X86'")],
    'PLAT-003': [
        (PLUGIN_FPGA, 'managed=False)',
         "managed=__import__('platform').machine() == 'aarch64')"),
        (PLUGIN, 'if scope is not CleanScope.HANDLE:',
         "if __import__('os').uname().machine == 'aarch64':")],
    'PLAT-004': [(ASSIGNABLE, 'if not members:', 'if False:')],
    'PLAT-005': [
        (ASSIGNABLE, "in ('Y', '1')", "in ('1',)"),
        (ASSIGNABLE, "in ('Y', '1')", "in ('Y',)")],
    'PLAT-006': [
        (ASSIGNABLE, 'if any(first <= end and start <= last', 'if any(False'),
        (ASSIGNABLE, "if kind != 'direct-relaxable':", 'if True:'),
        (ASSIGNABLE, "if kind != 'direct-relaxable':", "if kind == 'msi':"),
        (AGENT, 'sysfs, address, self.config.guest_memory_map)',
         'sysfs, address)')],
    'PLAT-007': [
        (ASSIGNABLE, 'if other != address and not', 'if False and not'),
        (ASSIGNABLE, 'range(first // page, last // page + 1)', '[first]')],
    'PLAT-010': [
        (NOVALINK, '                     and slot.drc_name == data.location\n',
         ''),
        (NOVALINK, '                     and ids(slot) == data.ids), None)',
         '                     ), None)'),
        (NOVALINK, 'if slot.drc_index == data.drc_index\n'
                   '                     and', 'if')],
    'PLAT-011': [(NOVALINK, 'if partition.state != POWERED_OFF:',
                  'if False:')],
    'PLAT-012': [(NOVALINK, 'required=True))', 'required=False))')],
    'PLAT-013': [
        (NOVALINK, "if user not in ('', partition.uuid.lower()):",
         'if False:')],
    'PLAT-015': [
        (NOVALINK, '        data = slot_data(van)\n\n'
                   '        def change(partition: Any) -> bool:\n'
                   '            slot = ',
         '        data = slot_data(van)\n'
         "        module = __import__('socket')\n"
         '        try:\n'
         '            with module.socket(module.AF_UNIX) as link:\n'
         "                link.connect('/run/cyborg/agent.sock')\n"
         '        except OSError:\n'
         '            pass\n\n'
         '        def change(partition: Any) -> bool:\n'
         '            slot = ')],
    'PLAT-016': [
        (NOVALINK, 'if error.response.status != STALE:', 'if True:'),
        (NOVALINK, '                self._ask(partition.update,',
         '                partition._etag = self._partition(\n'
         '                    van, deadline).etag\n'
         '                self._ask(partition.update,')],
    'PLAT-018': [
        (NOVALINK, 'if data.ids not in self.cleared_by_reset:', 'if False:')],
    'PLAT-020': [
        (NOVALINK, "IOSLOT: ('1.0', '1.0')} if self._here else {})",
         "IOSLOT: ('1.0', '1.0')} if self._here else {}, True)")],
    'PLAT-021': [
        ('os_acc/steps.py', 'if not isinstance(data, AttachData):',
         'if not isinstance(data, AttachData) or not data.data:')],
    'QUOTA-001': [
        (API, "            handle.status is Status.CLAIMED\n            and",
         '            handle.van is not None\n            and'),
        (API, "self.vans[handle.van or ''].project_id == project",
         "vars(self).setdefault('kept', {}).setdefault(\n"
         "                handle.van, self.vans[handle.van or '']"
         '.project_id) == project')],
    'QUOTA-002': [
        (API, "self.vans[handle.van or ''].project_id == project", 'True'),
        (API, "user in (None, self.vans[handle.van or ''].user_id)", 'True')],
    'QUOTA-007': [
        (API, "(f'{name}: the limit of", "(f'the limit of"),
        (API, 'the limit of {whose} is {limit}', 'the limit is {limit}'),
        (API, 'the limit of {whose} is {limit}', 'the limit of {whose} is'),
        (API, "f'usage is {usage}, and", "f'and"),
        (API, '{asked} are asked for', '1 are asked for')],
    'SCHED-001': [
        (PROVIDERS, "('device', self.device) if self.region is None",
         "('device', self.device) if self.device"),
        (PROVIDERS, "f'{self.host}_{provider}', 'node')",
         "f'{self.host}_{provider}',\n"
         '                                next(iter(self.places.values())))'
         )],
    'SCHED-002': [
        (PROVIDERS, "f'{self.host}_{provider}', 'node')",
         "f'{self.host}_{provider}', None)")],
    'SCHED-003': [
        (PROVIDERS, "unit = len(mine) if place[0] == 'group' else 1",
         'unit = 1'),
        (PROVIDERS, 'if self.group is not None:', 'if False:')],
    'SCHED-004': [
        (PROVIDERS, '        while True:\n'
                    '            there = self.placement.get(provider)\n'
                    '            inventory = self._inventory(place, '
                    'provider)\n',
         '        inventory = self._inventory(place, provider)\n'
         '        while True:\n'
         '            there = self.placement.get(provider)\n'),
        (PROVIDERS, 'if provider.generation != generation:', 'if False:')],
    'SCHED-006': [
        (PROVIDERS, 'with contextlib.suppress(Unreachable):', 'if True:'),
        (API, '        self._handle_of(uuid).status = Status.RETIRED\n',
         '        self.changed.__self__.placement.get("node")\n'
         '        self._handle_of(uuid).status = Status.RETIRED\n')],
    'SCHED-008': [
        (PROVIDERS, '(handle.type, handle.rp, handle.data.data) == (\n'
                    '        one.type, provider,',
         '(handle.type, handle.data.data) == (\n        one.type,'),
        (PROVIDERS, '(handle.type, handle.rp, handle.data.data) == (\n'
                    '        one.type, provider,',
         '(handle.rp, handle.data.data) == (\n        provider,'),
        (PROVIDERS, 'dict(one.address))\n', '{key: one.address.get(key) for '
                    'key in handle.data.data})\n')],
    'SCHED-010': [
        (FLAVOR, "re.sub('[^A-Z0-9_]', '_', part.upper())",
         "re.sub(r'\\W', '_', part.upper())"),
        (FLAVOR, "re.sub('[^A-Z0-9_]', '_', part.upper())",
         "re.sub('[^A-Za-z0-9_]', '_', part)"),
        (PROVIDERS, 'trait(one.type, one.vendor)',
         "f'CUSTOM_{one.type}_{one.vendor.upper()}'")],
    'SCHED-012': [
        (FLAVOR, 'if group.number == 0 and group.amount > 1:', 'if False:'),
        (FLAVOR, 'if group.number == 0 and group.amount > 1:',
         'if group.number == 0 and group.amount > 2:')],
    'SCHED-013': [
        (FLAVOR, 'required=group.required | {PROGRAMMABLE, trait(',
         'required=group.required | {trait('),
        (FLAVOR, "            'FPGA_REGION', described",
         "            'FPGA_FUNCTION', described"),
        (FLAVOR, 'forbidden=group.forbidden | {PROGRAMMABLE})',
         'forbidden=group.forbidden)'),
        (FLAVOR, "trait('FPGA_FUNCTION', vendor, group.function)},",
         '},'),
        (FLAVOR, 'if group.function:  # SCHED-013', 'if False:')],
    'SCHED-014': [
        (FLAVOR, '[COMPUTE] if list(wanted) else []', '[]'),
        (FLAVOR, '[COMPUTE] if list(wanted) else []', '[COMPUTE]')],
    'SCHED-015': [
        (FLAVOR, "f'{self.number}.{unit}'", "f'{self.resource_class}.{unit}'"),
        (FLAVOR, 'for number in sorted(keys) if any(',
         'for number in keys if any('),
        (FLAVOR, '    return {**kept, **found}\n',
         '    return {f\'{provider}.{one}\': provider for one, provider\n'
         '            in {**kept, **found}.items()}\n')],
    'SCHED-016': [
        (FLAVOR, '        if (name != group.resource_class or left',
         '        if (left'),
        (FLAVOR, 'left[provider, name] < len(new)',
         'left[provider, name] < 1'),
        (FLAVOR, 'or not group.required <= has or', 'or'),
        (FLAVOR, 'or group.forbidden & has\n', '\n'),
        (FLAVOR, '            left[provider, name] - len(new))}',
         '            left[provider, name])}'),
        (FLAVOR, '            left[kept[one], group.resource_class] -= 1',
         '            pass'),
        (FLAVOR, '\n                or not mine <= {provider}):', '):')],
    'SCHED-017': [
        (FLAVOR, 'for provider, name in sorted(left):',
         'for provider, name in left:'),
        (FLAVOR, 'for group in sorted(wanted, key=lambda group: '
                 'group.number):', 'for group in wanted:')],
    'SCHED-018': [
        (FLAVOR, 'why.status == 409)', 'why.status)'),
        (FLAVOR, 'why.status == 409)', 'why.status == 403)'),
        (FLAVOR, 'isinstance(error, NoFit) or ', '')],
}


def main(wanted: list[str]) -> int:
    """Try the faults; returns the exit status."""
    from tools import planted

    return planted.main(pathlib.Path(__file__).parents[1], FAULTS, wanted)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
