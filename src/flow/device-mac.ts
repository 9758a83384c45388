/**
 * What a hardware address says of itself (IEEE Std 802-2014 section 8.2; the quadrants of local addresses, IEEE Std 802c-2017, say nothing that random addresses keep to).
 *
 * The local bit alone does not make an address random: virtual machines, containers and clusters have fixed local prefixes, and access points and repeaters set the bit on an address of their own
 * for a further network. What is left is taken for made up at random, as phones and laptops do for each wireless network.
 */
export type MacKind =
  /** Given out by a vendor. */
  | 'vendor'
  /** Given out by a virtual machine's or container's host. */
  | 'virtual'
  /** The vendor's address of another interface here, with the local bit set. */
  | 'derived'
  /** Local without a known pattern: made up, most likely anew for each network or day. */
  | 'randomised';

/** Local prefixes in use by software, lower case with colons, and whose they are. Prefixes of vendors' own blocks (VMware, Hyper-V, Xen) are the vendor table's. */
const LOCAL_PREFIXES: readonly (readonly [prefix: string, owner: string])[] = [
  ['52:54:00', 'QEMU or KVM'],
  ['fe:54:00', "libvirt, the host's end"],
  ['02:42:', 'Docker'],
  ['0a:58:', 'Kubernetes'],
  ['ee:ee:ee:ee:ee:ee', 'Calico'],
  ['0a:00:27', "VirtualBox, the host's end"],
  ['02:00:4c:4f:4f:50', 'Microsoft loopback'],
  ['02:bf:', 'Microsoft network load balancing'],
  ['03:bf:', 'Microsoft network load balancing'],
  ['fe:ff:ff:ff:ff:ff', "Xen, the host's end"],
  ['02:50:41', 'tunnel adapter'],
  ['02:05:85', 'Juniper virtual chassis'],
  ['aa:00:04:00', 'DECnet'],
  ['12:34:56:78:9a', 'a placeholder'],
];

/** Vendors' blocks from which hosts of virtual machines number them. */
const VIRTUAL_VENDOR_PREFIXES: readonly (readonly [prefix: string, owner: string])[] = [
  ['00:50:56', 'VMware'],
  ['00:0c:29', 'VMware'],
  ['00:05:69', 'VMware'],
  ['00:1c:14', 'VMware'],
  ['00:15:5d', 'Hyper-V'],
  ['00:16:3e', 'Xen or LXC'],
  ['08:00:27', 'VirtualBox'],
  ['00:1c:42', 'Parallels'],
  ['bc:24:11', 'Proxmox'],
  ['00:03:ff', 'Virtual PC'],
];

/** True where the second bit of the first byte says that whoever runs the machine chose the address. */
export function isLocalMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 2) !== 0;
}

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/** A single station's address, as packets give it: no group's, not all zeros, and no other text that a log has in its place. */
export function isStationMac(mac: string): boolean {
  if (!MAC.test(mac)) return false;
  const first = Number.parseInt(mac.slice(0, 2), 16);
  return (first & 1) === 0 && mac !== '00:00:00:00:00:00';
}

/** Software that numbers virtual machines this way: 'QEMU or KVM'; undefined for addresses of other kinds. */
export function virtualOwner(mac: string): string | undefined {
  const own = isLocalMac(mac) ? LOCAL_PREFIXES : VIRTUAL_VENDOR_PREFIXES;
  for (const entry of own) if (mac.startsWith(entry[0])) return entry[1];
  return undefined;
}

/** The same address without the local bit: the interface that a derived address comes from. */
export function universalMac(mac: string): string {
  const first = Number.parseInt(mac.slice(0, 2), 16) & ~2;
  return `${first.toString(16).padStart(2, '0')}${mac.slice(2)}`;
}

/**
 * @param hasVendor whether a registry has a block for the address: a few old vendors have local ones.
 * @param isSeen whether an address was seen here; derived ones are told by it. Their last byte differs a little where a device has several networks.
 */
export function macKind(mac: string, hasVendor: boolean, isSeen: (mac: string) => boolean): MacKind {
  if (virtualOwner(mac) !== undefined) return 'virtual';
  if (hasVendor || !isLocalMac(mac)) return 'vendor';
  return derivedFrom(mac, isSeen) === undefined ? 'randomised' : 'derived';
}

/** The address seen here that a local one was made of: the same but for the local bit, and at most 15 apart in the last byte. */
export function derivedFrom(mac: string, isSeen: (mac: string) => boolean): string | undefined {
  if (!isLocalMac(mac)) return undefined;
  const twin = universalMac(mac);
  const last = Number.parseInt(twin.slice(15), 16);
  for (let distance = 0; distance < 16; distance++) {
    for (const byte of distance === 0 ? [last] : [last - distance, last + distance]) {
      if (byte < 0 || byte > 255) continue;
      const candidate = `${twin.slice(0, 15)}${byte.toString(16).padStart(2, '0')}`;
      if (isSeen(candidate)) return candidate;
    }
  }
  return undefined;
}
