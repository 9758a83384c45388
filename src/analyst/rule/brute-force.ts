import { counted, humanCount } from '../../core/index.ts';
import { addressList, knownService, percent, serviceLabel } from '../../incident/index.ts';
import type { Claim } from '../verdict.ts';
import { claim, type View } from '../view.ts';
import type { Explanation } from './rule.ts';

/** Many tries to log in: guessing on one host, spraying over many. */

export const BRUTE_FORCE_RULES: readonly Explanation[] = [
  {
    prefix: 'brute-force.',
    nature: (view) => (view.has('brute-force.chatty') ? 'ambiguous' : 'hostile'),
    hypothesis: (view) => (isSpray(view) ? 'password spraying' : 'password guessing'),
    whatHappened: (view) => [
      tries(view),
      ...guesses(view),
      view.began,
      ...likeness(view),
      ...(view.has('brute-force.names') ? view.quote('brute-force.refused') : []),
      ...view.quote('brute-force.accepted'),
      ...session(view),
    ],
    whyItMatters: (view) => {
      const { actor, direction } = view;
      const goal = claim(
        `${view.has('brute-force.refusals') ? 'Logins that are refused again and again are wrong passwords.' : 'Connections that are short and alike are what wrong passwords look like.'} If one of the guesses is right, whoever sits at ${actor} can log in to ${hosts(view)}.`,
        view.cite(view.has('brute-force.refusals') ? 'brute-force.refusals' : 'brute-force.alike'),
      );
      if (direction === 'inside' || direction === 'outward')
        return [
          goal,
          claim(
            `The guesses come from a host of your own network, so ${actor} may already be under somebody else's control.`,
            view.cite('brute-force.scope'),
          ),
        ];
      if (direction === 'inward')
        return [
          goal,
          claim(
            'Logins that are open to the Internet are tried all day; what counts is whether one worked.',
            view.cite('brute-force.scope'),
          ),
        ];
      return [
        goal,
        claim(
          'Neither side is in the home network as configured; if one of them is yours, set the home network right.',
          view.cite('brute-force.scope'),
        ),
      ];
    },
    whatToDoFirst: (view) => {
      const { actor, direction, startText } = view;
      const look = claim(
        `Look in ${logOf(view)} of ${hosts(view)} for failed logins from ${actor}, and for a successful one after ${startText}.`,
        view.cite(),
      );
      const worked = claim(
        `If a login worked, change that password and treat the host as taken over.`,
        view.cite('brute-force.session', 'brute-force.accepted'),
      );
      if (direction === 'inward')
        return [
          look,
          worked,
          claim(
            `Close the service${onPort(view)} to the Internet, or allow it from known addresses or through a VPN only; block ${actor}.`,
            view.cite(),
          ),
        ];
      return [
        look,
        worked,
        claim(
          `Find out who uses ${actor} and which program made these connections; if nobody can say, take ${actor} off the network.`,
          [...view.cite(), ...view.flows()],
        ),
      ];
    },
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A script, a backup job or a monitoring check that logs in again and again looks the same, above all with an old password; its owner knows it.',
        view.cite(),
      ),
      ...view.quote('brute-force.chatty'),
    ],
    inSupport: (view) => [tries(view)],
  },
];

function isSpray(view: View): boolean {
  return (
    view.detection.kind === 'brute-force.spray' ||
    view.detection.peerCount >= 3 ||
    (view.number('brute-force.names') ?? 0) >= 3
  );
}

function tries(view: View): Claim {
  const attempts = view.many ? undefined : view.number('brute-force.attempts');
  const what =
    attempts === undefined
      ? 'many short connections'
      : counted(attempts, view.has('brute-force.refusals') ? 'connection' : 'short connection');
  const label = serviceLabel(knownService(view.detection.service));
  const to = `the ${label === undefined ? 'login' : label} service of ${hosts(view)}`;
  return claim(`${view.actorWithPlace} opened ${what} to ${to}${onPort(view)}${view.within}.`, [
    ...view.cite('brute-force.attempts'),
    ...view.flows(2),
  ]);
}

/** Connections are what the traffic shows; guesses are inside them, most often encrypted. */
function guesses(view: View): Claim[] {
  if (view.many || !view.has('brute-force.attempts')) return [];
  if (view.has('brute-force.refusals'))
    return [
      ...view.quote('brute-force.refusals'),
      ...((view.number('brute-force.users') ?? 0) > 1 ? view.quote('brute-force.users') : []),
    ];
  return [
    claim(
      'Servers allow several guesses in one connection, so there may have been more guesses than connections.',
      view.cite('brute-force.attempts'),
    ),
  ];
}

function likeness(view: View): Claim[] {
  if (view.many) return [];
  const alike = view.has('brute-force.refusals') ? undefined : view.number('brute-force.alike');
  const rate = view.number('brute-force.rate');
  return [
    ...(rate === undefined
      ? []
      : [claim(`That is about ${humanCount(rate)} a minute.`, view.cite('brute-force.rate'))]),
    ...(alike === undefined
      ? []
      : [claim(`${percent(alike)} of them are alike in size.`, view.cite('brute-force.alike'))]),
  ];
}

function session(view: View): Claim[] {
  const sessions = view.number('brute-force.session');
  if (sessions === undefined || sessions <= 0) return [];
  return [
    claim(
      `There was also longer or larger use between the same hosts (${counted(sessions, 'session')}), the latest after the first try: a login may have worked.`,
      view.cite('brute-force.session'),
    ),
  ];
}

function hosts(view: View): string {
  const { peers, peerCount } = view.detection;
  return addressList(peers, peerCount);
}

function onPort(view: View): string {
  return view.detection.port === undefined ? '' : ` on port ${view.detection.port}`;
}

const LOGS: Readonly<Record<string, string>> = {
  ssh: 'the login log (auth.log, or the journal of sshd)',
  rdp: 'the Windows security log (event 4625 for a failed login, event 4624 for a good one)',
  smb: 'the Windows security log (event 4625 for a failed login, event 4624 for a good one)',
  ftp: 'the log of the FTP server',
  telnet: 'the login log',
  vnc: 'the log of the VNC server',
  imap: 'the log of the mail server',
  pop3: 'the log of the mail server',
  smtp: 'the log of the mail server',
  ldap: 'the log of the directory server',
  mysql: 'the log of the database',
  postgresql: 'the log of the database',
  mssql: 'the log of the database',
  http: 'the log of the web server and of the program behind it',
};

function logOf(view: View): string {
  return LOGS[knownService(view.detection.service) ?? ''] ?? 'the login log';
}
