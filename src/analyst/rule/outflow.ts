import { counted, humanBytes } from '../../core/index.ts';
import { addressList, percent } from '../../incident/index.ts';
import type { Claim } from '../verdict.ts';
import { claim, type View } from '../view.ts';
import type { Explanation } from './rule.ts';

/** What leaves a network in disguise, or leaves it at all. */

/** Sure detectors are read as hostile; below that there are honest programs of the same shape. */
const SURE = 0.75;

export const OUTFLOW_RULES: readonly Explanation[] = [
  {
    prefix: 'dns-tunnel.',
    nature: (view) => (view.detection.score >= SURE ? 'hostile' : 'ambiguous'),
    hypothesis: () => 'hidden tunnel',
    whatHappened: (view) => [
      names(view),
      ...view.quote('dns-tunnel.bytes'),
      ...view.quote('dns-tunnel.content'),
      view.began,
    ],
    whyItMatters: (view) => [
      claim(
        'Questions to the DNS leave nearly every network, and who owns the domain reads them. What is written into the names goes out unseen by any firewall, and orders come back in the answers.',
        view.cite('dns-tunnel.domain', 'dns-tunnel.bytes'),
      ),
      ...((view.number('dns-tunnel.carrying') ?? 0) > 0 ? view.quote('dns-tunnel.carrying') : []),
    ],
    whatToDoFirst: (view) => [
      claim(`On ${view.actor}, find the program that asks these names.`, [
        ...view.cite('dns-tunnel.names'),
        ...view.flows(),
      ]),
      claim(
        'Find out whom the domain belongs to and since when, and block it on your resolver.',
        view.cite('dns-tunnel.domain'),
      ),
      claim(
        `If nobody knows the program, take ${view.actor} off the network and look at what else it did since ${view.startText}.`,
        view.cite(),
      ),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'Antivirus programs, mail filters and some content networks put hashes and addresses into names. Then the domain is theirs, other hosts with the same software ask it too, and the answers say little more than yes or no.',
        view.cite('dns-tunnel.domain', 'dns-tunnel.mute', 'dns-tunnel.common'),
      ),
    ],
    inSupport: (view) => [names(view)],
  },
  {
    prefix: 'icmp-tunnel.',
    nature: () => 'hostile',
    hypothesis: () => 'hidden tunnel',
    whatHappened: (view) => [
      pings(view),
      ...view.quote('icmp-tunnel.packets'),
      ...view.quote('icmp-tunnel.unlike'),
      view.began,
    ],
    whyItMatters: (view) => [
      claim(
        'A ping sends a few bytes of one length and gets the same bytes back. These do not, so somebody uses them to carry something past a firewall that lets pings through.',
        view.cite('icmp-tunnel.varied', 'icmp-tunnel.unlike', 'icmp-tunnel.other'),
      ),
    ],
    whatToDoFirst: (view) => [
      claim(`On ${view.actor}, find the program that sends them; it needs the rights of an administrator.`, [
        ...view.cite(),
        ...view.flows(),
      ]),
      claim(`Stop echo requests to ${peers(view)} on your firewall, and find out whom it belongs to.`, view.cite()),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A test of the line that varies the length of its pings, or a host that cuts long answers short. A monitor that pings all day sends one length.',
        view.cite('icmp-tunnel.varied'),
      ),
    ],
    inSupport: (view) => [pings(view)],
  },
  {
    prefix: 'dga.',
    nature: (view) =>
      view.detection.kind === 'dga.generated' && view.detection.score >= SURE ? 'hostile' : 'ambiguous',
    hypothesis: () => 'search for an operator',
    whatHappened: (view) => [generated(view), ...view.quote('dga.share'), ...view.quote('dga.failing'), view.began],
    whyItMatters: (view) => [
      claim(
        'Malware that must not lose its operator makes up new domain names every day and tries them one after the other; the operator registers one of them. A person or an ordinary program asks for names that somebody chose, and that exist.',
        view.cite('dga.names', 'dga.failing'),
      ),
    ],
    whatToDoFirst: (view) => [
      claim(`On ${view.actor}, find the program that asks for these names.`, [
        ...view.cite('dga.examples'),
        ...view.flows(),
      ]),
      claim(
        `Look whether one of the names was answered and ${view.actor} connected to it: that is where the operator is.`,
        [...view.cite(), ...view.flows()],
      ),
      claim(`If nobody knows the program, take ${view.actor} off the network and examine it.`, view.cite()),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A mail server that checks senders, a crawler, a scanner of domains or a list of advertisers asks for many odd names. A browser asks for three random names at its start, not more.',
        view.cite('dga.names'),
      ),
    ],
    inSupport: (view) => [generated(view)],
  },
  {
    prefix: 'dns-burst.',
    nature: () => 'ambiguous',
    hypothesis: () => 'search for an operator',
    whatHappened: (view) => [
      bursts(view),
      ...['alike', 'answers'].flatMap((name) => view.quote(`dns-burst.${name}`)),
      view.began,
    ],
    whyItMatters: (view) => [
      claim(
        'Malware that must not lose its operator makes up new domain names and tries dozens of them at a time; many such algorithms make names of one length. The input tells no names, so only their sizes speak.',
        view.cite('dns-burst.questions', 'dns-burst.alike'),
      ),
    ],
    whatToDoFirst: (view) => [
      claim(`Look into the log of the DNS server for the names that ${view.actor} asked for then.`, [
        ...view.cite('dns-burst.questions'),
        ...view.flows(),
      ]),
      claim(`If nobody chose these names, take ${view.actor} off the network and examine it.`, view.cite()),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A test of a resolver, or a program that goes through a list of names of one length, looks the same.',
        view.cite('dns-burst.alike'),
      ),
    ],
    inSupport: (view) => [bursts(view)],
  },
  {
    prefix: 'exfiltration.upload',
    nature: () => 'ambiguous',
    hypothesis: () => 'theft of data',
    whatHappened: (view) => [
      upload(view),
      ...view.quote('exfiltration.callers'),
      ...view.quote('exfiltration.excess'),
      view.began,
    ],
    whyItMatters: (view) => [
      claim(
        'What was sent has left the network and can not be called back. Thieves and blackmailers copy data out before they do anything else.',
        view.cite('exfiltration.bytes'),
      ),
      ...view.quote('exfiltration.ratio'),
    ],
    whatToDoFirst: (view) => [
      claim(`Ask who uses ${view.actor} whether they sent something large to ${peers(view)}, and by which program.`, [
        ...view.cite('exfiltration.bytes'),
        ...view.flows(),
      ]),
      claim(
        `Find out whom ${peers(view)} belongs to; the names that the connections show are with the evidence, and may be false.`,
        [...view.cite('exfiltration.place'), ...view.flows()],
      ),
      claim(
        `If nobody knows of it, block ${peers(view)}, keep ${view.actor} as it is for an examination, and find out which files it had access to.`,
        view.cite(),
      ),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A first backup to a new place, a large file for a customer, the upload of a video or a move to another cloud looks the same. Who did it knows.',
        view.cite('exfiltration.habit', 'exfiltration.device', 'exfiltration.popular'),
      ),
    ],
    inSupport: (view) => [upload(view)],
  },
  {
    prefix: 'exfiltration.',
    nature: (view) =>
      view.has('exfiltration.public-address') && view.detection.score >= SURE ? 'hostile' : 'ambiguous',
    hypothesis: () => 'theft of data',
    whatHappened: (view) => [
      ...view.quote('exfiltration.handed-over'),
      ...view.quote('exfiltration.public-address'),
      ...view.quote('exfiltration.greeting'),
      view.began,
    ],
    whyItMatters: (view) => [
      claim(
        'Programs that steal passwords send what they found by mail or FTP, with an account of their own, in messages of a few hundred bytes that nobody notices.',
        view.cite('exfiltration.handed-over', 'exfiltration.bytes'),
      ),
    ],
    whatToDoFirst: (view) => [
      claim(
        `On ${view.actor}, find the program that connected to ${peers(view)}; the account that it used is with the evidence.`,
        [...view.cite(), ...view.flows()],
      ),
      claim(
        `If it is not yours, take ${view.actor} off the network, and change every password that was ever typed or kept on it, from another machine.`,
        view.cite(),
      ),
      claim('The connection is not encrypted: read in a capture of it what was sent.', [
        ...view.cite(),
        ...view.flows(),
      ]),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A scanner, a printer, a storage box or a script that reports by mail through a provider does this too. Then the account is yours; have it use encryption.',
        view.cite('exfiltration.foreign', 'exfiltration.greeting'),
      ),
    ],
    inSupport: (view) => view.quote('exfiltration.handed-over'),
  },
];

function names(view: View): Claim {
  const count = view.number('dns-tunnel.names');
  const what = count === undefined ? 'many different names' : counted(count, 'different name');
  return claim(`${view.actorWithPlace} asked for ${what} below one domain${view.within}.`, [
    ...view.cite('dns-tunnel.names', 'dns-tunnel.domain'),
    ...view.flows(2),
  ]);
}

function pings(view: View): Claim {
  const bytes = view.number('icmp-tunnel.bytes');
  const what = bytes === undefined ? 'data' : humanBytes(bytes);
  return claim(
    `${view.actorWithPlace} and ${peers(view)} exchanged ${what} in echo requests and replies${view.within}.`,
    [...view.cite('icmp-tunnel.bytes'), ...view.flows(2)],
  );
}

function generated(view: View): Claim {
  const byShape = view.detection.kind !== 'dga.failing';
  const count = view.number(byShape ? 'dga.names' : 'dga.failing');
  const what = count === undefined ? 'many domains' : counted(count, 'domain');
  const share = byShape ? view.number('dga.share') : undefined;
  const of = share === undefined ? '' : `, ${percent(share)} of all that it newly asked for`;
  return claim(
    `${view.actorWithPlace} asked for ${what} that ${byShape ? 'look generated by an algorithm' : 'did not exist'}${of}.`,
    [...view.cite(byShape ? 'dga.names' : 'dga.failing', 'dga.share'), ...view.flows(2)],
  );
}

function bursts(view: View): Claim {
  const count = view.number('dns-burst.questions');
  const what = count === undefined ? 'many names' : counted(count, 'name');
  return claim(`${view.actorWithPlace} asked the DNS for ${what} in bursts of seconds.`, [
    ...view.cite('dns-burst.questions'),
    ...view.flows(2),
  ]);
}

function upload(view: View): Claim {
  const bytes = view.number('exfiltration.bytes');
  const what = bytes === undefined ? 'much data' : humanBytes(bytes);
  return claim(`${view.actorWithPlace} sent ${what} to ${peers(view)}${view.within}.`, [
    ...view.cite('exfiltration.bytes'),
    ...view.flows(2),
  ]);
}

function peers(view: View): string {
  return addressList(view.detection.peers, view.detection.peerCount, 'address');
}
