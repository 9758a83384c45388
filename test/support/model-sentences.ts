import * as fs from 'node:fs';
import { type ContextFact, contextFacts, type IncidentContext } from '../../src/analyst/index.ts';
import type { Incident } from '../../src/incident/index.ts';

/**
 * True sentences in the manner of language models on what the product found in real captures (test/fixture/incident): other words, other order, passive voice, plurals, lists, rounded figures,
 * durations and dates in words, British and American spelling. For the measurement of the checker in src/analyst/mutation.test.ts.
 */
export interface ModelSentence {
  readonly fixture: string;
  readonly incident: Incident;
  readonly section: string;
  readonly text: string;
  readonly cites: readonly string[];
  readonly context: readonly ContextFact[];
}

/** A line of advice begins with '! ', one of what it may mean or of innocent reasons with '? '; all others say what happened. */
const SENTENCES: Readonly<Record<string, string>> = {
  'arp-search': `192.168.1.247 sent ARP requests for 255 distinct IP addresses in roughly 1.3 seconds.
The host at 192.168.1.247 performed a rapid ARP sweep of the local network, covering 255 addresses.
ARP scanning was carried out by 192.168.1.247 against 255 addresses on the local subnet.
Of the 255 addresses queried, only 3 responded.
Only three hosts replied to the ARP requests.
252 of the requests went unanswered.
Roughly 99% of these contacts failed.
Nearly all of the addresses (98.8%) did not reply.
The rate was close to 200 new targets per second.
On 21 September 2021 at 08:57 UTC, 192.168.1.247 began probing its neighbours.
On September 21, 2021, an internal machine looked for other hosts on its own network.
The sweep lasted just over a second.
More than 250 addresses were probed in less than two seconds.
Among the probed addresses are 192.168.1.1, 192.168.1.122 and 192.168.1.245.
192.168.1.1, 192.168.1.122, and 192.168.1.245 were all asked for by 192.168.1.247.
The activity comprised 255 flows in total.
Both the source and its targets are inside the home network.
The behaviour corresponds to T1018, Remote System Discovery.
The burst of ARP traffic took place within 1.3 s.
No request was refused.
192.168.1.247 is responsible for 256 flows in this run.
? This is typical of network discovery prior to lateral movement.
? An attacker who has gained a foothold often maps the local network first.
? A network inventory tool, such as an asset scanner, could also explain this.
! Identify the owner of 192.168.1.247 and ask whether a network scan was planned.
! Check which process on 192.168.1.247 generated the ARP requests.
! Review the switch port to which 192.168.1.247 is connected.
Over the span of 1.3 s, the device 192.168.1.247 queried 255 neighbouring addresses via ARP.
An unusually high number of ARP requests (255 targets) originated from 192.168.1.247.
Only about 1% of the addresses responded, i.e. three machines.
The ARP discovery was extremely fast, averaging 198 targets per second.
Host discovery via ARP was observed from 192.168.1.247 toward 192.168.1.1 and 254 others.
? Such behavior is often seen shortly after an initial compromise.
! Correlate this event with DHCP leases to find the owner of 192.168.1.247.
The device with the address 192.168.1.247 enumerated its subnet by means of ARP, covering 255 addresses in 1.3 seconds.
Out of 255 ARP requests, 252 received no reply.
198 targets per second is far beyond what a human could do.
Three devices gave away their presence by answering.
No traffic left the local network in the course of this scan.
! Look up 192.168.1.247 in the asset inventory and contact its owner.
192.168.1.247 flooded the local segment with ARP queries for 255 addresses.
The ARP probes were sent at a pace of 198 per second.
All of the probed addresses are part of the local network.
The host tried almost every address of the network within little more than a second.
! Track down 192.168.1.247 by its switch port.`,
  'ping-search': `192.168.1.109 pinged 17 hosts on the local network within about a second and a half.
Seventeen different hosts received ICMP echo requests from 192.168.1.109.
ICMP echo requests were sent by 192.168.1.109 to 17 internal hosts in 1.5 seconds.
Eleven of the 17 hosts replied.
11 out of 17 targets answered, while 6 remained silent.
Six targets never answered.
Roughly a third of the pings failed.
About 35% of the first contacts were unanswered.
None of the contacts was refused.
The scan moved at around 10 new targets per second.
Both scanner and targets are internal.
192.168.1.1 replied to 192.168.1.109 within about 3 ms.
192.168.1.102 answered the echo request from 192.168.1.109.
192.168.1.80 did not respond.
The incident took place on 24 September 2022, at 21:23 UTC.
It happened on the evening of September 24, 2022.
A total of 23 flows were observed.
One packet was sent to the typical host.
The ping sweep is consistent with Remote System Discovery (T1018).
In this run, 192.168.1.109 took part in 26 flows.
? Ping sweeps are commonly used to find live hosts before a more targeted attack.
? A monitoring tool that checks whether devices are reachable would look the same.
? On its own, a ping sweep of 17 hosts causes no damage.
! Confirm whether 192.168.1.109 is used for network administration.
! If the ping sweep was not planned, examine 192.168.1.109 for unknown software.
A sweep of ICMP echo requests, originating from 192.168.1.109, reached 17 machines.
192.168.1.109 received replies from 11 of the 17 machines.
The majority of the pinged hosts (11) were alive.
Within 1.5 s, seventeen machines were pinged by 192.168.1.109.
The failure rate of 35.3% is moderate.
! Compare the list of hosts that replied with your asset inventory.
In about 1.5 seconds, 192.168.1.109 checked which of 17 local hosts are up.
Eleven hosts revealed themselves by replying to the pings.
The remaining six hosts stayed silent.
All 17 pinged hosts are in the home network.
? Help desks use ping sweeps when they look for a free address.`,
  'ssh-guessing': `147.32.80.40 opened 65 short SSH connections to 147.32.80.37 on port 902 in under 13 seconds.
A total of 65 SSH sessions were established from 147.32.80.40 to 147.32.80.37 within 12.7 s.
147.32.80.37 was targeted by 147.32.80.40 with repeated SSH logins on the non-standard port 902.
The attacker at 147.32.80.40 attempted to guess passwords on the SSH service of 147.32.80.37.
SSH password guessing was directed at 147.32.80.37 (port 902) by 147.32.80.40.
The attempts came in at about 307 per minute.
On average, around 300 connections per minute were made.
Roughly 72% of the sessions look alike.
72.3 percent of the connections were nearly identical in size.
Each typical session transferred about 1.7 kB to the server and about 1.8 kB back.
A typical session lasted only 1.8 seconds.
The typical connection was over in less than two seconds.
The brute-force activity started at 22:47:17 UTC and ended at 22:47:29 UTC.
On 22 March 2026 between 22:47:17 and 22:47:29, 65 connections were made.
All of this happened within about 13 seconds.
The short duration and uniform size suggest automation.
Both hosts lie outside the home network.
The service on port 902 is SSH.
The technique is Brute Force: Password Guessing (T1110.001).
147.32.80.37 answered the connections.
One of the connections lasted 3.5 s and carried about 2.5 kB in each direction.
The whole run consists of 67 flows between 2 hosts.
There were sixty-five connections in total.
? If one of the guesses was right, the attacker may have gained access to 147.32.80.37.
? A misconfigured backup script with an outdated password might produce the same pattern.
! Review the SSH authentication logs of 147.32.80.37 for successful logins around 22:47 UTC.
! Enforce key-based authentication and disable password logins for SSH.
! Consider rate limiting or banning addresses after repeated failures.
! Rotate the credentials of any account that logged in during this window.
Between 22:47:17 and 22:47:29 UTC on March 22, 2026, 147.32.80.40 made 65 SSH connections to port 902 of 147.32.80.37.
The average rate exceeded 300 attempts per minute.
More than 70% of the sessions were alike in size.
The sessions were short-lived, typically 1.8 s each.
The SSH server at 147.32.80.37:902 was repeatedly contacted by 147.32.80.40.
All 65 connections occurred within a window of just 12.7 seconds.
An automated tool is probably responsible for this.
The evidence does not show whether any login succeeded.
? Successful guessing would give the attacker a shell on 147.32.80.37.
! Deploy fail2ban or a similar tool on the SSH server.
! Restrict access to port 902 to known addresses.
147.32.80.40 hammered the SSH service of 147.32.80.37 with 65 connections in 12.7 seconds.
Almost three quarters of the sessions (72.3%) carried the same amount of data.
With roughly five connections per second, no human could have typed the passwords.
The service listens on port 902 instead of the standard port 22.
The repeated short sessions point to password guessing.
! Disable password authentication on 147.32.80.37.
! If an account was compromised, reset its password and check for persistence.
Over a period of 12.7 seconds, 147.32.80.37 saw 65 SSH sessions from 147.32.80.40.
Sessions of this kind are too short for interactive work.
147.32.80.40 kept connecting to port 902 of 147.32.80.37.
The attempts stopped at 22:47:29 UTC.
! Check the log of 147.32.80.37 for accepted passwords.
! Ban 147.32.80.40 if the logins were not legitimate.`,
  'ssh-port': `SSH traffic was seen on port 902, which is normally used by VMware.
147.32.80.40 connected to 147.32.80.37 over SSH on port 902.
48 connections carried about 82 kB from the initiator and about 86 kB from the responder.
Approximately 81.5 kB were sent by the initiator, and 86.2 kB came back.
The protocol seen on port 902 does not match the port.
Within 12.7 s, 48 SSH connections were opened from 147.32.80.40 to 147.32.80.37.
Neither host belongs to the home network.
Forty-eight connections were made in about 13 seconds.
In total, more than 80 kB went each way.
The SSH service of 147.32.80.37 is reachable on port 902.
147.32.80.37 was contacted 48 times by 147.32.80.40.
Port 902 was used for SSH rather than for its usual service.
The mismatch relates to T1571 (Non-Standard Port).
All connections went to a single server, 147.32.80.37.
? Moving a service to another port is sometimes done to evade firewalls.
? Administrators often run SSH on a non-standard port to reduce noise.
! Verify with the owner of 147.32.80.37 whether SSH on port 902 is intended.
! Document the port if it is intended.`,
  'tls-beacon': `147.32.80.37 contacted 141.193.213.20 on port 443 a total of 22 times in just over a minute.
22 TLS connections were made from 147.32.80.37 to 141.193.213.20 within 1 min 4 s.
Twenty-two connections to the same server name were observed in 64 seconds.
The connections recur about every 3 seconds.
Connections were made roughly every three seconds.
The median interval between connections was 3 s.
Half of the intervals deviate from it by less than 462 ms.
The timing is regular: intervals vary by only 23%.
Each connection sent approximately 1.8 kB to 141.193.213.20.
About 1.8 kB was sent each time.
The amount of data sent is almost constant, within 33 bytes half of the time.
The RITA beacon score is about 0.98.
A beacon score of 0.979 indicates highly regular communication.
Port 443 with TLS was used for all connections.
The activity started at 14:34:40 UTC and continued until 14:35:45 UTC.
It was observed on 13 February 2024.
Around 6.7 kB came back from 141.193.213.20 in the first connection.
141.193.213.20 responded to each of the cited connections.
141.193.213.20 was contacted by 147.32.80.37 at regular intervals.
The communication took place on February 13th, 2024, shortly after 14:34 UTC.
Chance is an unlikely explanation: the probability is below one in a million.
147.32.80.37 had 261 flows in this run.
The connections asked for one and the same server name.
The pattern maps to T1071.001 and T1573.
There were 21 intervals between the 22 connections.
? Such regular, small connections are characteristic of command-and-control beacons.
? Malware often checks in with its server at fixed intervals.
? An update checker or a telemetry service can produce the same rhythm.
! Find out which process on 147.32.80.37 opens these connections.
! Look up the reputation of 141.193.213.20.
! Search for other hosts that contact 141.193.213.20.
! Block 141.193.213.20 at the firewall if no legitimate purpose is found.
Periodic TLS connections from 147.32.80.37 to 141.193.213.20 were detected.
The client reconnected to 141.193.213.20 about every three seconds for slightly more than a minute.
With a beacon score of 0.979, this is very likely automated.
The upload size per connection was about 1.8 kB.
141.193.213.20 sent back roughly 6.7 kB per connection.
21 of 24 time slots contain connections.
All 22 connections use the same server name.
? A legitimate application polling an API could also be behind this.
! Capture the process list on 147.32.80.37 while the connections are active.
147.32.80.37 reaches out to 141.193.213.20 every three seconds on average.
The regularity (23% variation) is hard to reconcile with human behaviour.
In 64 seconds, 22 TLS handshakes took place between the two hosts.
Payload sizes barely differ: about 1.8 kB each.
? This could be a remote-access tool calling home.
! Inspect the certificate presented by 141.193.213.20.
! Put 141.193.213.20 on a watch list.
Every 3 s, 147.32.80.37 opened a TLS session with 141.193.213.20.
The connections were spread evenly over 1 min 4 s.
Each session is small: 1.8 kB up and about 6.7 kB down.
? Scheduled software updates rarely run every three seconds.
! Determine the owner of 141.193.213.20.`,
  'smb-scan': `176.192.150.3 tried to reach nine internal hosts on port 445 (SMB) over about an hour and three quarters.
Nine hosts were probed on TCP port 445 by the external address 176.192.150.3.
Over 1 h 44 min, 9 different hosts were contacted on port 445.
The scan lasted for more than an hour and a half.
The scanning continued for almost two hours.
None of the nine hosts responded.
All 9 attempts failed.
Every connection attempt went unanswered.
100% of the attempts got no answer.
No connection was established.
A new target was tried about every 13 minutes.
On average, a new host was probed every 13 min 1 s.
The slow pace, one target every 13 minutes, may be meant to evade detection.
The scan began at 17:52:28 UTC and ended at 19:36:38 UTC.
On 10 September 2017, 176.192.150.3 scanned for Windows file sharing.
The first probe was seen at 17:52:28 on 2017-09-10.
192.168.27.86 was probed at 17:52:28, followed by 192.168.110.0 at 18:05:34.
Three packets were sent to 192.168.27.86.
Targets include 10.10.11.49, 10.10.202.55, and 192.168.110.0.
The source is located outside of your network and its targets are inside.
The source address 176.192.150.3 is external.
The scan corresponds to Active Scanning: Scanning IP Blocks (T1595.001).
The whole capture consists of 9 flows.
According to the random walk test, a scanner is about 29,000 times more likely than an ordinary client.
Port 445 is used for Windows file sharing.
? Exposed SMB services are a frequent target of worms and ransomware.
? Internet-wide research scanners behave in the same way.
! Make sure that port 445 is blocked at the perimeter.
! Verify that none of your hosts exposes SMB to the Internet.
! No immediate action is required since none of the hosts answered.
The external host 176.192.150.3 slowly probed 9 internal systems on TCP/445.
It took 176.192.150.3 nearly two hours to probe all nine systems.
SMB probes were directed at 10.10.11.49, 10.10.202.55 and seven other hosts.
Not a single host replied to the probes.
The attempts to connect to port 445 were all unsuccessful.
The first connection attempt, to 192.168.27.86, was made at 17:52:28 UTC.
! Confirm that your firewall drops inbound traffic to port 445.
Nine of your hosts were targeted on port 445 by a host on the Internet, 176.192.150.3.
Over the course of 104 minutes, 9 hosts were tried.
The pauses between attempts were about 13 minutes long.
Not one of the nine attempts succeeded.
The targets belong to several private networks.
? Worms look for SMB in the same manner.
An outside host, 176.192.150.3, looked for SMB on nine of your machines.
No answer came back from any of them.
The scan stretched from 17:52:28 to 19:36:38 UTC.
! Keep port 445 closed to the Internet.`,
  'web-scan': `125.27.226.209 probed ten hosts on ports 80, 88 and 8080 over the course of 3 h 44 min.
Ten internal hosts were probed by 125.27.226.209 on ports 80, 88, and 8080.
In almost four hours, 10 hosts were tried.
The scan spanned more than three and a half hours.
Three different ports were used, most often port 80, on 6 hosts.
Port 80 was tried on six hosts.
No target replied.
All ten contacts were left unanswered.
A new target came up about every 25 minutes.
The external scanner moved on every 24 min 56 s on average.
The first probe went to 192.168.228.35 on port 8080 at 16:04:54 UTC.
10.10.13.28 was probed on port 80 at 16:47:16.
At 17:30:57, port 88 of 10.10.127.73 was tried.
Each probe consisted of a single packet.
The activity was recorded on September 10, 2017.
From 16:04:54 to 19:49:14 UTC, 125.27.226.209 looked for web servers.
125.27.226.209 appears in 16 flows of this run.
The probability ratio is roughly 105,000 to one in favor of a scanner.
There is no evidence that any service answered.
The targets are located in your network, while the scanner is external.
10.10.127.73, 10.10.13.28 and 10.10.185.66 are among the hosts that were probed.
? Slow scans are used to stay below the threshold of intrusion detection systems.
? Search engines for devices scan the entire Internet continuously.
! Check whether any of the probed hosts runs a web service that is open to the Internet.
! Block 125.27.226.209 at the perimeter firewall if it keeps coming back.
Ports 80, 88 and 8080 were scanned on ten internal hosts by 125.27.226.209.
Only one packet per target was sent.
Port 80 was the most frequently tried one.
On average, almost 25 minutes elapsed between targets.
125.27.226.209, an external host, probed 10 of your hosts without success.
? Attackers look for exposed web interfaces with such scans.`,
  'port-scan': `192.168.2.154 scanned 10 ports of 192.168.2.22 in less than a millisecond.
Ten ports on 192.168.2.22 were probed by 192.168.2.154.
Among the probed ports are 21, 22, 23, and 445.
Ports 21, 22, 23, 111, 113, 135, 143 and 445 were tried, along with 2 more.
The scan included well-known services such as FTP (port 21) and Telnet (port 23).
192.168.2.154 probed FTP, Telnet, IMAP and Windows file sharing on 192.168.2.22.
All 10 connection attempts were unanswered.
None of the ports responded.
No port was found open.
Every probe consisted of a single packet of 78 bytes.
The scan took just 0.189 ms.
Both machines are internal.
It happened at 21:56:41 UTC on 25 October 2017.
On October 25, 2017, a vertical port scan of 192.168.2.22 was performed by 192.168.2.154.
The speed of 47,628 targets per second shows that a tool was used.
At more than 47,000 new targets per second, this was clearly automated.
192.168.2.22 did not reply to any of the probes.
The target of the scan is 192.168.2.22.
The traffic matches Network Service Discovery (T1046).
The run contains just 10 flows.
? Port scans are a common first step in reconnaissance.
? A vulnerability scanner operated by your own IT department may be the cause.
! Ask the user of 192.168.2.154 whether a port scanner was started deliberately.
! If it was not authorized, isolate 192.168.2.154 and inspect it.
192.168.2.22 was the victim of a port scan launched by 192.168.2.154.
The scan covered ten TCP ports, including SSH (22), Telnet (23) and SMB (445).
Not one of the ten ports replied.
The scanner probed all ten ports in a fraction of a millisecond.
! Verify whether 192.168.2.154 is an authorised scanner.
Ten TCP ports of 192.168.2.22 were tried at once by 192.168.2.154.
The scanned ports belong to FTP, SSH, Telnet, IMAP, Windows RPC and SMB, among others.
As no port answered, the scanner learned little.
Since both hosts are internal, a compromised machine is a possibility.
! Check whether 192.168.2.154 shows other signs of compromise.
192.168.2.154 sent one packet to each of ten ports on 192.168.2.22.
It all happened in the same second.
Nothing on 192.168.2.22 replied to the scan.
? Curious users sometimes run port scanners.`,
  'syn-flood': `10.10.10.10 was hit by a SYN flood on port 30120.
9,748 connection attempts reached 10.10.10.10 in less than half a second.
Nearly 10,000 connection attempts arrived within 442 ms.
Around 9,600 different addresses took part.
The packets came from roughly 9,607 source addresses.
Connection attempts from about 9,600 addresses were directed at port 30120 of 10.10.10.10.
At its peak, the flood reached 7,249 connection attempts per second.
The peak rate exceeded 7,000 attempts per second.
109.169.84.138, 221.0.141.140 and many others sent packets to 10.10.10.10.
10.10.10.10 received SYN packets from 109.169.84.138, among others.
The targeted host, 10.10.10.10, belongs to your network.
Virtually none of the attempts completed the handshake.
32 connections were completed during the same period.
Each address sent one packet on average.
The source addresses are probably forged.
The sources may be spoofed, as each of them was seen hardly more than once.
The flood occurred on 1 April 2021 at 15:56 UTC.
It began at 15:56:19 UTC and was over a second later.
It lasted 442 ms.
The attack is classified as T1499.001.
A total of 9,607 flows are part of this incident.
The attempts were made over TCP.
? A SYN flood can exhaust the connection table of the target and make the service unavailable.
? A load test may create a similar pattern.
! Enable SYN cookies on 10.10.10.10.
! Contact your provider if the flood continues, as blocking single addresses is pointless.
! Check whether the service on port 30120 is still reachable.
10.10.10.10:30120 was flooded with SYN packets from about 9,607 addresses.
The attack peaked at over 7,200 connection attempts per second.
Within less than half a second, 9,748 connection attempts were received by 10.10.10.10.
On average, each source sent a single packet.
The distributed nature of the sources suggests spoofing.
Handshakes were almost never completed.
? Legitimate users may have been unable to reach the service during the flood.
! Ask your provider for filtering upstream.
A flood of SYN packets struck port 30120 of 10.10.10.10.
Close to 9,750 connection attempts hit 10.10.10.10 within 442 ms.
The attackers used about 9,607 addresses, most likely forged ones.
For less than half a second, more than 7,000 SYN packets per second were sent to the target.
Only 32 connections got through the handshake.
! Have the provider filter the traffic to port 30120.
More than 9,700 SYN packets were aimed at port 30120 of 10.10.10.10 within 442 ms.
Hardly any source sent more than one packet.
10.10.10.10 could not have served that many half-open connections for long.
! Turn on SYN cookies and lower the SYN-ACK retries.`,
  backscatter: `202.229.120.98 sent SYN-ACKs to about 513 hosts that had never contacted it.
SYN-ACK packets from port 80 of 202.229.120.98 reached about 513 addresses.
Some 513 hosts received answers to connection attempts that they had not made.
The traffic amounts to 2,977 flows over nearly 24 hours.
This went on for almost a full day.
The activity extended from 15 March 2009 to 16 March 2009.
It started on 2009-03-15 at 08:45:06 and ended on 2009-03-16 at 08:44:30.
No payload was transferred.
None of the flows carried any payload.
202.229.120.98 is likely the victim of a flood elsewhere.
The victim, 202.229.120.98, is outside the home network.
Somebody seems to have forged the addresses of the other hosts.
This looks like backscatter from a denial-of-service attack against 202.229.120.98.
Almost 3,000 flows were recorded.
192.150.187.221 and 192.150.186.23 are among the addresses that got such answers.
192.150.186.23 received 120 bytes from 202.229.120.98.
All of it involves TCP port 80.
In this run 202.229.120.98 has 3,006 flows.
? Backscatter is harmless to the hosts that receive it.
? Your addresses may be used as forged senders in somebody else's attack.
! No action is needed on your hosts.
! Keep an eye on the volume of this traffic.
About 513 hosts received unsolicited SYN-ACKs from 202.229.120.98.
The SYN-ACKs came from TCP port 80.
During almost 24 hours, 2,977 flows without payload were seen.
202.229.120.98 appears to be under attack from spoofed sources.
? There is no indication that any of the receiving hosts is compromised.`,
  'mail-theft': `192.168.100.122 logged in to the mail server 208.91.198.143 on port 587 without encryption.
One email was handed over by 192.168.100.122 to the external server 208.91.198.143.
An unencrypted SMTP session from 192.168.100.122 to 208.91.198.143 was observed.
The session lasted about 1 min 40 s.
It lasted a little over a minute and a half.
884 bytes were sent on this connection.
Less than 1 kB of data was sent.
The login was accepted by the server.
208.91.198.143 accepted the login of 192.168.100.122.
The host also asked a public service for its own external address.
Within an hour, the client requested its public IP address from an outside service.
The client introduced itself with a bare host name, which mail programs usually don't do.
The mail was sent from one domain to a different domain.
17 packets were sent and 15 packets came back.
On 4 June 2024, at 14:27 UTC, 192.168.100.122 submitted a mail over SMTP.
The exchange took place on June 4, 2024, between 14:27:21 and 14:29:01 UTC.
192.168.100.122 looks like a computer and has 86 flows in this run.
About 1.8 kB went out and about 1.3 kB came back.
The connection to 208.91.198.143 used port 587.
The techniques T1048.003 and T1071.003 apply.
? Malware that steals passwords frequently sends them out by mail.
? A printer or a script that reports by mail may behave in the same way.
! Change the password of the mail account that was used.
! Scan 192.168.100.122 for malware.
! Inspect which program on 192.168.100.122 opened the connection to port 587.
! Block 208.91.198.143 until the cause has been identified.
An SMTP login from 192.168.100.122 to 208.91.198.143 on port 587 took place in the clear.
After the login was accepted, one mail was delivered to the external server.
In total, 884 B were sent over this session.
192.168.100.122 looked up its public IP address within an hour of sending the mail.
? Keyloggers and information stealers often exfiltrate credentials by email.
! Reset the credentials that were used for the mail account.
192.168.100.122 handed a mail to 208.91.198.143 over a connection without encryption.
The mail server 208.91.198.143 let 192.168.100.122 log in.
Before or after sending, the host asked a public service for its address.
The connection stayed open for 100 seconds.
The host greeted the server with a name that mail programs do not use.
? Information-stealing malware typically behaves this way.
! Revoke the mail account's password.
Without encryption, 192.168.100.122 authenticated to 208.91.198.143 and submitted one mail.
The SMTP server accepted the credentials.
884 bytes left the host.
! Quarantine 192.168.100.122.`,
  'mail-password': `A password was transmitted in clear text from 192.168.100.122 to 208.91.198.143.
192.168.100.122 authenticated to 208.91.198.143 over an unencrypted SMTP connection.
The credentials crossed the network unencrypted on port 587.
The server accepted the login, so the password is valid.
One login was accepted by the server.
Only one user name was used.
Anyone on the path could read the password.
The client is inside your network, whereas the server is external.
On one connection lasting 1 min 40 s, a password was exposed.
The password was sent on June 4th, 2024 at 14:27:21 UTC.
208.91.198.143 is an external mail server.
The login by 192.168.100.122 succeeded.
The connection carried approximately 1.8 kB to the server.
A single connection is involved.
The SMTP login used no encryption.
? Anybody who can see the traffic may reuse the password.
? In a closed lab network, this would be of little concern.
! Change this password and enable TLS for the mail account.
! Ask the owner of 192.168.100.122 which account was used.
! Configure the mail client to use encryption.
The credentials of one user were sent unencrypted to 208.91.198.143.
Since the server accepted the login, the exposed password is correct.
The exposed login was made via SMTP on port 587.
! Move to an encrypted mail submission as soon as possible.`,
  'dns-tunnel': `192.168.117.128 issued around 9,087 unique DNS names in 9,089 queries.
Over 9,000 different names were requested from 198.46.158.57 within about an hour.
192.168.117.128 sent its DNS queries straight to 198.46.158.57 on UDP port 53.
More than 9,000 DNS queries were sent by 192.168.117.128 in one hour.
DNS queries for about 9,087 distinct names were sent to 198.46.158.57.
All of the names fall under a single domain.
Every name belongs to the same domain, {{dns:1}}.
Up to 135 kB may have left the network in this way.
As much as 135 kB could have been transferred through the queried names.
The answers were about 1.9 MB larger than the questions.
Practically every query asked for a new name.
Nearly all questions were of unusual types, mostly CNAME.
CNAME is the most common query type.
Each name carries about 119 bits of new information, compared with 20 to 50 for ordinary names.
The tunnel ran from 00:50:07 to 01:50:14 UTC on 4 September 2023.
The traffic lasted one hour.
The activity took place on September 4, 2023, shortly before 1 AM and for an hour.
In the first flow, 456 kB went out and 1.3 MB came back.
The first flow lasted 30 minutes.
198.46.158.57 answered the queries of 192.168.117.128.
198.46.158.57 is an external server.
The client, 192.168.117.128, is an internal host.
Three flows make up this incident.
The queries match T1071.004 and T1572.
A total of 4,268 packets were sent in the first flow.
? DNS tunnelling allows an attacker to bypass the firewall.
? DNS tunneling may be used to exfiltrate data or to control a machine.
? Some antivirus products encode lookups in DNS names.
! Block DNS traffic from 192.168.117.128 to 198.46.158.57.
! Identify the process on 192.168.117.128 that sends the DNS queries.
! Force all clients to use the internal resolver.
! Isolate 192.168.117.128 until the cause is known.
192.168.117.128 exchanged a large amount of data with 198.46.158.57 via DNS.
9,089 DNS queries were directed to 198.46.158.57 in the course of an hour.
Nearly every one of the 9,089 queries contained a new name.
Responses exceeded the queries by about 1.9 MB.
The names carry 119 bits of information each, more than twice as much as normal names.
The data could have been exfiltrated through DNS, up to 135 kB.
192.168.117.128 bypassed the local resolver and spoke to 198.46.158.57 directly.
? The traffic is consistent with a DNS tunneling tool.
! Block port 53 for all hosts other than your resolver.
Roughly nine thousand different names were looked up through 198.46.158.57.
The client kept querying 198.46.158.57 for an hour without a break.
On average, more than two queries per second were sent.
Of the three flows, two lasted 30 minutes each.
The DNS answers were larger than the questions by 1.9 MB, so data also flowed in.
? Nobody uses 9,087 different names under one domain by hand.
! Capture the DNS traffic of 192.168.117.128 and decode a sample.
Data was hidden in DNS names by 192.168.117.128.
9,087 names in an hour is not normal for a single client.
The names lie below one domain and hardly repeat.
About 1.3 MB came back in the first of the three flows.
! Ask the domain's registrar for details.`,
  shell: `A command shell was accessible on 192.168.1.2 via port 53.
192.168.1.3 connected to a shell on 192.168.1.2 over TCP port 53.
The connection on port 53 carried a shell session instead of DNS.
Port 53 is reserved for DNS, but the traffic is not DNS.
Commands were given by 192.168.1.3 to 192.168.1.2.
The initiator typed at the pace of a human operator.
The data was sent in small portions, as a person types.
9 bytes were sent by the initiator and about 1.3 kB came back.
The first connection lasted 5.3 seconds.
Three connections to ports 53, 80 and 23 were made.
Ports 53, 80, and 23 were used, one connection each.
192.168.1.3 also connected to ports 23 and 80 of 192.168.1.2.
192.168.1.2 answered on all three ports.
The incident started at 01:50:41 UTC and ended at 01:51:56 UTC on 14 January 2005.
The activity lasted a little more than a minute.
On January 14, 2005, a shell on 192.168.1.2 was used from 192.168.1.3.
Both the client and the server are internal hosts.
The shell runs on 192.168.1.2, the responder.
Whoever connects to that port can issue commands.
192.168.1.2 looks like a server.
The findings map to T1059, T1095 and T1571.
? A plain-text shell on the port of DNS is a strong sign of a backdoor.
? A penetration test or a training exercise could explain this.
! Disconnect 192.168.1.2 and preserve its memory.
! Determine which process listens on port 53 of 192.168.1.2.
! Find out who was using 192.168.1.3 at that time.
! Check other hosts for the same open ports.
An interactive shell session between 192.168.1.3 and 192.168.1.2 was observed on port 53.
192.168.1.3 issued commands to a shell running on 192.168.1.2.
Within 5.3 s, only 9 B were typed by the initiator, while 1.3 kB were returned.
The same kind of shell was reachable on ports 80 and 23.
? A bind shell such as this gives full control to whoever connects.
! Shut down the listener on ports 23, 53 and 80 of 192.168.1.2.
Somebody at 192.168.1.3 typed commands into a shell of 192.168.1.2.
The shell was bound to ports 23, 53 and 80.
In the session on port 53, the responder returned 1.3 kB.
The three sessions took place within 1 min 14 s.
? Attackers choose port 53 because firewalls tend to let it through.
! Reinstall 192.168.1.2 once the evidence has been secured.
192.168.1.3 had interactive access to 192.168.1.2.
Port 53 was abused to carry a shell.
The operator's keystrokes amount to 9 bytes in the first session.
! Take an image of the disk of 192.168.1.2.`,
  mining: `192.168.1.100 communicated with 17 mining pools.
Seventeen connections to 17 different pools carried the mining protocol.
17 connections using a mining protocol were made by 192.168.1.100.
The mining protocol was spoken on all 17 connections.
7 of the connections were accepted by a pool.
Seven connections had the account accepted by a pool.
About 17 kB of payload were exchanged in both directions.
Roughly 17.1 kB of data went both ways within about half a minute.
The connections were made within 32 seconds.
192.168.1.100 connected to 107.191.99.227 on port 9999.
107.191.99.227, 116.211.168.132 and 119.23.117.231 are among the pools.
Pools at 107.191.99.227, 116.211.168.132, and 120.55.226.251 were contacted.
The miner sits inside your network.
An internal machine, 192.168.1.100, appears to be mining cryptocurrency.
It was seen on 19 May 2018, from 06:20:58 to 06:21:30 UTC.
On May 19, 2018, 192.168.1.100 spoke the protocol of mining pools.
The traffic corresponds to Resource Hijacking (T1496.001).
The external pool 107.191.99.227 answered.
192.168.1.100 takes part in 313 flows of this run.
Some of the pools were reached on port 25.
? Unauthorised mining wastes electricity and may indicate that the host has been compromised.
? Somebody may be mining on purpose.
! Stop the mining software on 192.168.1.100 if it is not authorised.
! Check how the miner got onto 192.168.1.100.
! Block the pool addresses at the firewall.
A miner on 192.168.1.100 tried 17 pools within about 32 s.
Seven of the 17 pools accepted the account.
The pools are all outside your network.
In total, around 17 kB of mining traffic were exchanged.
? The system may have been infected with a cryptominer.
! Check CPU usage on 192.168.1.100.
Within half a minute, 192.168.1.100 tried to join 17 mining pools.
Ten of the 17 pools did not accept the account.
The pools were contacted on various ports, such as 9999 and 25.
? Browser-based miners can cause such traffic too.
The pools were contacted from 192.168.1.100 alone.
Seven pools accepted the miner.
192.168.1.100 used port 25 for some of the pools.
! Remove unwanted mining software.`,
  'mining-pool': `147.229.13.222 is connected to a mining pool at 37.59.21.58 on port 5222.
147.229.13.222 mined cryptocurrency with the pool at 37.59.21.58.
The pool at 37.59.21.58 accepted the account of 147.229.13.222.
The pool accepted the login.
Results were handed in by the miner, so it is actively mining.
147.229.13.222 submitted results of its computation to 37.59.21.58.
About 2.8 kB of payload were exchanged in just under a minute.
The connection lasted 56.5 s.
The connection was open for nearly a minute.
2.4 kB were sent to the pool, and 2.9 kB came back.
22 packets went out and 21 packets came back.
The session was recorded on 17 January 2017 at 11:32 UTC.
It ran from 11:32:31 to 11:33:28 UTC on January 17, 2017.
Only one connection is involved.
Neither the miner nor the pool belongs to the home network.
The protocol on port 5222 is that of mining pools.
The run contains a single flow between 2 hosts.
This is an instance of Compute Hijacking (T1496.001).
? Cryptomining without permission is a misuse of computing resources.
? The owner of 147.229.13.222 may be mining deliberately.
! Ask the owner of 147.229.13.222 whether the miner is authorised.
! Remove the miner if nobody knows it.
147.229.13.222 logged in to the pool 37.59.21.58 on port 5222 and submitted shares.
For close to a minute, 147.229.13.222 and 37.59.21.58 exchanged mining messages.
The pool received 2.4 kB and returned 2.9 kB.
The account was accepted by the pool.
! Terminate the mining process on 147.229.13.222.
The machine at 147.229.13.222 worked for the mining pool at 37.59.21.58.
Over 56.5 seconds, 22 packets were sent and 21 were received.
It delivered results to the pool, which means that it is mining right now.
! Find out who started the miner.
147.229.13.222 exchanged 2.8 kB of payload with 37.59.21.58.
The session on port 5222 lasted close to a minute.
The miner's account is valid, as the pool accepted it.`,
};

interface StoredIncident {
  readonly name: string;
  readonly incident: Incident;
  readonly context: IncidentContext;
}

const FOLDER = new URL('../fixture/incident/', import.meta.url);

/** What was found in a capture, by the name of its file. */
export function storedIncident(name: string): StoredIncident {
  return JSON.parse(fs.readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as StoredIncident;
}

const SECTIONS: Readonly<Record<string, string>> = { '! ': 'whatToDoFirst', '? ': 'whyItMatters' };

/** All sentences; each cites the detections, measures and flows of its incident, and what is known beside it. */
export function modelSentences(of: Readonly<Record<string, string>> = SENTENCES): ModelSentence[] {
  return Object.entries(of).flatMap(([fixture, lines]) => {
    const { incident, context } = storedIncident(fixture);
    const facts = contextFacts(incident, context);
    const cites = [
      ...incident.detections.map(({ id }) => id),
      ...incident.evidence.map(({ id }) => id),
      ...facts.map(({ id }) => id),
    ];
    return lines.split('\n').map((line) => {
      const section = SECTIONS[line.slice(0, 2)];
      return {
        fixture,
        incident,
        section: section ?? 'whatHappened',
        text: section === undefined ? line : line.slice(2),
        cites,
        context: facts,
      };
    });
  });
}
