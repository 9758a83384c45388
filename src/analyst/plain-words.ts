/**
 * Words that may begin a sentence, or be written with a capital in the middle of one, without being the name of somebody: what the search for names of
 * groups, malware and tools lets pass. Every other capitalised word is held to be such a name.
 */

/** Beginnings of sentences, in lower case; many more are known by their endings. */
export const SENTENCE_STARTERS: ReadonlySet<string> = new Set(
  `a about above according across activity actor actors additionally address addresses admins after again against all allow also although always
an and another any anybody anyone anything appears apply approve as ask assume at attack attackers attempts attempt backup backups bad based be because before
behind below beside besides best between beyond block both but by call calls can cannot capture change changes check checks clear clients client close collect common
compare computer computers confirm connections connection consider contact contain content control copy could count cut data decide deny detections device devices did disable disconnect do
does domain done double down during each early either encrypted end enter enough entries error even every everybody everyone everything evidence examine except
expect few file files find findings fire first five flag flow flows for four from further games general get give given go good group half hardware has have he her here
high his home host hosts how however if ignore in incident infected inform inside instead internal is isolate it its itself keep known large last late later
leave less let likewise limit list local log logs long look low machine machines mail major make malware many may maybe mean means measure message might mining
more moreover most move much must names name near need neither network networks never new next no nobody none nor normal not note nothing now odd of off often
old on once one only open operators or order other others otherwise our out outside over owner owners packet packets part passwords password patch people perhaps person plain
port ports possible preserve prevent probably program programs protect proxy put query quick raise rate rather read record records remove repeat report request requests research reset
restrict review risk rotate router routers rows row rule rules run same save scan scanner scanners scans search searches second see seen segment send server servers service services session sessions set seven several she
should show shows signs similar since six size small so software some somebody someone something somewhere soon source start state still stop store strange such suddenly suppose
sure switch system systems take talk talks tell ten test tests than that the their them then there therefore these they thing things think this those three through thus time times to
today together tools too track traffic treat tries try tunnel turn two type under unknown unless until unusual up update updates use user users usually value verify version very victim
visitors volume wait was watch way ways we web were what whatever when whenever where whether which while who whoever whole whom whose why will with within without
thief thieves antivirus criminals blackmailers browser browsers eleven twelve twenty hundreds dozens thousands people plenty reason reasons result results rest risk role silence sign spread stations storage string students subnet success supply support surge table target team telemetry term theft tip token tone total trace unit vendor view visit volume vulnerability warning week weeks window workstation year attention analysts analyst address angle appliance application applications audience barely basically batch behaviour browser bulk bursts business camera cameras cause caution certificate chance choice class classes code cost credential credentials customers damage danger day days default defender delay demand desktop dialogue difference direction documents domain duration effort email employees engineers entry escalate establish event events example exercise face fact failure failures feature field fields finance firewall firewalls folder follow force form frequency full future gateway gateways goal guest guests hash headers health help hidden hint hour hours id identity image impact importance incident index industry infection inventory investigate involve issue item job key laptop laptops lateral law layer lead legal length level library life line link lists load location loss maintenance management manager mark match matter memory method minute minutes mirror mobile mode model moment monitor month motive movement neighbour night notify number numbers object obtain occasion official origin outage outbound inbound page parent partner path payload peak peer peers penetration period permission persistence phase phone phones physical place plan platform point policy pool position power practice present previous printer printers priority privilege procedure process processes product production profile progress project proof protocol protocols provider purpose quarantine question questions range rank ratio readers real recent recipient recovery reference region registry reputation resolver resource responders response responsibility retention return revenue review reward right root route scale scenario schedule scope script scripts score security sender sensitive sequence severity shell shift side situation snapshot solution sort space speed stage standard station status step steps stolen storm strategy strong structure style summary suspicion suspicious symptom synchronisation task tasks theory threshold ticket title topic trail transfer transfers trend trial trigger tunnel uncommon unexpected unlike upstream usage user valid value vector vendor virtual visibility warn weak website wireless worst login logins intruder pair pairs renew explain explanation nature pattern patterns evidence half most kept hosted answer answers unanswered interval intervals retain reply replies reach regular rhythm sensor share size sizes spread staff story subject summary talk target targets team technician
around almost nearly roughly approximately slow fast rapid repeated frequent constant steady single multiple numerous various countless inspect determine enforce enable backscatter besides apart overall altogether meanwhile
thirteen fourteen fifteen sixteen seventeen eighteen nineteen nine harden notify educate train engage correlate cross-check validate assess evaluate analyze analyse audit whitelist blocklist tighten limit throttle segment
locate gather obtain reimage rebuild restore revoke implement deploy install avoid ensure follow contain eradicate pay treat mitigate remediate temporarily permanently immediately long-lasting short-lived internet-wide
cryptomining cryptojacking botnets worms ransomware phishing spoofed forged plain-text cleartext clear-text outdated legitimate malicious benign harmless hostile brute-force password-guessing beaconing tunnelling tunneling exfiltration reconnaissance discovery
whilst despite except given considering regarding concerning following preceding throughout upon via toward towards among amongst amid beyond inside onto per plus since than till underneath unlike versus wherever whichever exactly precisely merely solely partly mostly largely
peers hosts both seventeen dns-based host-based network-based timing timestamps sessions packets replies bytes payloads volumes counts rates names queries technique threat trace trust failover unplug uplink upload victims whom wireless workstation would write wrong yes yet you your zero`.split(
    /\s+/,
  ),
);

/** Endings of words that begin a sentence and are hardly names. */
export const PLAIN_ENDING =
  /(?:ing|ed|ly|tion|sion|tions|ment|ments|ness|ity|ous|able|ible|ators|ator|ants|ents|ful|ive|ical|ware|ence|ance|ate|ish|less|ism|ure|age|ary|ory|ent|ant)$/;

/** Proper words of the trade, as they are written: protocols, systems, bodies, calendars. */
export const TRADE_WORDS: ReadonlySet<string> = new Set(
  `I kB MB GB TB PB Hz ACK ADB ADS AES API APIs ARP ASN ATT&CK AWS Active Administrator Amazon Android Apple April August Azure BGP Base32 Base64 Bash BitTorrent Bitcoin Bluetooth CA CAP CDN CERT CIFS CISA
CK CPU CSIRT CVE Chrome Cisco Cloudflare Community DCOM DCSync DCShadow DDoS DHCP DLP DMZ DNS DNSSEC DoH DoS DoT DRSUAPI DTLS Debian December Directory Docker Dropbox EDR ESP ESXi Edge Elasticsearch English
Ethernet Exchange FIN FTP FTPS Facebook February Firefox Friday GDPR GPO GRE Git GitHub Google HR HTML HTTP HTTPS ICMP ICMPv6 ICS ID IDS IEEE IGMP IMAP IMAPS IMDS IP IPP IPS IPsec IRC IoT IP
IT Internet JA3 JA4 JSON January July June Kerberos Kubernetes LAN LDAP LDAPS LLDP LLMNR LSA Linux MAC MFA MQTT MSP MTU March May Microsoft MITRE Modbus Monday MongoDB Memcached Mozilla MySQL NAS NAT NBNS NDR NFS NTDS NTLM
NTP NXDOMAIN NetBIOS November OS OT October Office OneDrive OpenVPN Oracle OpenSSH PC PCs PDF PHP POP3 POP3S PSK PostgreSQL PowerShell Protocol Python QUIC RAM RDP RFC RITA RPC RST RTSP RabbitMQ Redis Remote Desktop
SAM SCADA SDN SFTP SIEM SIP SMB SMTP SMTPS SNI SNMP SOAR SOC SOCKS SPAN SQL SRV SSDP SSH SSL SSO STUN SYN SYN-ACK SYN-ACKs SYNs Safari Samba Saturday Security September Server SharePoint Slack Snort Stratum
Sunday Suricata Switch Sysmon TCP TCP/IP TFTP TLS TTL TV TXT TXT Teams Telnet Thursday Tor Tuesday UDP UK UPnP URL URLs US USB UTC Ubuntu Unix Update VLAN VLANs VM VMs VMware VNC VPN VPNs VoIP WAF WAN WMI
WPAD WSUS Wednesday Wi-Fi WiFi WinRM WireGuard Windows Wireshark XMPP Zeek ZIP iOS mDNS macOS REF HOST MAC NAME OK A AAAA NULL CNAME MX PTR`.split(
    /\s+/,
  ),
);

/** Names of groups, malware and tools that are also told in lower case; the search for capitals finds the rest. */
export const KNOWN_NAMES: ReadonlySet<string> = new Set(
  `agenttesla akira alphv asyncrat babuk blackbasta blackcat blackmatter carbanak cl0p clop cobaltstrike conti coinhive cryptolocker darkcomet darkside dridex emotet evilginx
formbook gafgyt gandcrab gh0st gozi gootloader icedid iodine kimsuky kinsing lazarus lockbit lokibot magecart metasploit meterpreter mimikatz mirai mozi muddywater mylobot
nanocore necurs netwalker njrat nobelium notpetya petya plugx phobos poisonivy qakbot qbot remcos revil rubeus ryuk sandworm sality smokeloader sodinokibi stuxnet
sunburst systembc tofsee trickbot turla ursnif vidar wannacry winnti xmrig xorddos zeus zloader`.split(/\s+/),
);
