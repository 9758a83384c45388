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
ban bans cryptomining cryptojacking botnets worms ransomware phishing spoofed forged plain-text cleartext clear-text outdated legitimate malicious benign harmless hostile brute-force password-guessing beaconing tunnelling tunneling exfiltration reconnaissance discovery
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

/** Further plain words of English and of the trade that a sentence may begin with; none that is also what a known group, malware or tool is called. */
export const COMMON_WORDS: ReadonlySet<string> = new Set(
  `abnormal abort aborts absolute abstract accept accepts access accessible accordingly account accounts accuracy accuse acknowledge acknowledges acts actual ad-hoc additional additionally
additionals addr adds admin administrators admit admits advice advises afar afterwards aggregates agree agrees ahead alarm alarms alert alerts algorithm algorithms alias aliases alice align
alike all allegedly allow allowances allows alone along aloud alpha alphabet already alter alternatively always amount amplitude analyses analysis analyzer anchor anchors anew announce
announces anomalies another answerer anywhere apostrophe apparently append appendix approval archive archives arcs area arithmetic array arrays arrival arrivals arrives arrow article aside
ask asker asks assemble assert asset attacker attacks attribute attributes atypical auth author authorised authorities authorized authors auto autoencoder autoencoders automated automatic
await away axes axis back backdoor backdoors background backslash backticks backups backward backwards badge bands bandwidth banner bare bars base baseline baselines basic basis batches
beacon beacons beat beats became become becomes been began begin beginnings begins begun behavior behaviours belong belongs bench benchmark bend benign besides better bias bidirectional big
bind binds binomial bins biome bits blame blank blanks blind blob block blocklists blocks board bodies body book bool boolean boot bootstrap border borders both bottom bound bounds boxes
braces bracket brackets branch branches breach breadth break breaks bridge brief brings broadcast broke broken brought browses brute bucket buckets budget budgets buffer buffers build
builder builds built bump burst bury busiest busy bystander byte cache calendar calibrates call callback caller callers came cameras cancel cancels candidates capabilities capital capitals
caplen caps captures card cards care carrier carries carry cascade case cases cast catch categories caught causes ceil cell cells census central centre century cert certain certainly
certainty certificates chain chains challenge channel channels character characters chars chart charts chat cheap checker checksum checksums child children choices choose chooses chose
chosen chunk chunks churn cipher ciphers circle cite cites claim claims clamp classic classifier classify clause clean clearly click clip clips clock clocks clone closed closes closest cloud
cluster clusters coach coalesce codec codes collapse collapses collector collectors collide colon colons color colour colours column columnar columns combine combines come comes comma
command commander commands commas common commonly communities compact companies company compare compares comparison comparisons compile compiler compiles complain complete compound compress
compressors compromised compute computes concat concurrency config confine conflict conformal connect connects consequently consistency consists console const constraints constructor consult
consume contacts contain container contains contender contenders context contexts continue contradict contradicts contrast controller controllers controls conv conversely convert cookie
cookies copies copy core cores corner corp corpus correct cosine cosines costs count counter counterpart counters country cover covers crash crashes credentials criterion crosscheck crosses
cryptominer cryptominers currency currently cursor curve curves custom customer cuts daemon damages dash dashboard dashboards dashes database databases datagram datagrams datasets dates
dcerpc dead deadline dealt debt decades decay decays decides decimal decimals decisions decode decoder decoders decodes decrypt dedupe deeds deep deeper defaults defenders defines delete
delimiter delta demands demo dense densest densities deny depend dependencies dependency depends deps depth descend describe describes descriptor deserves design detail details detect
detector detectors deterministic diagnostic diagonal dial dialect dialects dialog dictionaries dies differ differences different differs dig digest digests digit digits direct directional
directories disable disagree discard discover discovers disk disks display distances distinct disturb divide divides divisions divisor docs document doer doesn domains dots double-check
doubles doubt download downloads dozen draft drafts draw drawn draws drift drill driven driver drivers drives drop dropout drops drowns dummy duplicates dynamic each earlier earliest early
echo echoes edge edges edit edits egress eight eighth eighths either else elsewhere emails emits empty enable encode encoder encodes encrypt end endpoint endpoints ends engine engineers
engines enqueue ensemble enterprise enters entire entities entropy ephemeral epoch epochs equal equals erase erratic errors errs escalate escape escapes ethernet etype eventually ever every
everywhere exact examine examples exceeds excerpt excess exchange exchanges exclude exclusions exfil exhaust exist exists exit exits expects expert expire expires expiry explain explainer
explains explicit exploits exponential export exporter exporters exports exposed expressions extend extends extensions external extra extract extreme factor factorise facts fail fails fall
fallback falls false families farther farthest faster fatal fault faults faulty features feedback feeds fell fetch fetches few fewer fewest fifth fifty figures fill filler fills filter
filters final finaliser finally finals finds fine fingerprint fingerprints finish finite firewalls first firsts fits fixes fixtures flag flags flare flat flaw flight flights flip float
floats flood floods floor floors flush focus fold folders folds follow follower follows fonts fools footer forbidden forbids foreign forest forests forger forget forgets forgot forgotten
fork format formats former forms formula formulas fortunately forward forwards found frame frames framework fraud free freedom frequencies frequent fresh friday front fullest furthermore
gain gains game gamma gaps gathers gave general generally generic gets gives global goes gone goodbye goodbyes grace grammar graph graphics greater greatest greedy greet greets grew grid
ground groups grow grown grows growth guard guards guess guesses guests guide habit halves hand handle hands handshake handshakes happens hard harm harmonic hashes head header headings
headroom heads heap heaps hear heard heartbeat heatmap heaviest heavy height heights held hello hellos helmet helper helps hence heuristics hexadecimal hide hides high higher highest hints
hire histogram histograms hits hold holder holds hole holes honest hooks hopefully hops horizontal hostname hover however href huge human hunt hyphen hyphens hypothesis idea ideally
identifier identifiers idle iface ignores images import importantly imports inaccessible include incomplete incorrect incremental infected infinite infinities info infrequent initial
initially inline inner innermost input inputs insert insider insiders installs instances instead intake integer integers intel interest interestingly interface interfaces interim internal
internet-facing interrupt into intruders invalid inventory involve inward ipfix irregular islands isolate issuer issues items jitter jobs join joins joint json judge judges junk just keep
keeper keeps kerberos kernel kernels key keylogger keyloggers keys keyword kilobytes kind kinds knot knots know knowledge known knows label labels lack lacks laid landmarks lane lanes
laptops large larger largest last lasts late latency latest layers layout layouts leader leads leaf leap learn learner learns lease leases least leaves ledger left legacy legend legitimate
lengths lesser lets letter letters levels levenshtein libraries lies light lighter lightest like likelier likelihood likely likes limits linear lines links list listen listener listens
literal literals little lives loader loads local localhost locals lock lockfile logarithm logarithmic logarithms logger logins logon logs lone long longer longest look looks lookup lookups
loop loopback loops loosen looser lose loses losses lost loud low lower lowest luck macs made magnitude mailbox mailboxes mailslot main major maker makers makes malicious malware manifest
manner mantissa manual manuf many map mapper maps margin mark markdown marker marks markup mask masks mass masses master matches matrices matrix matters maximum meanwhile measure measurer
measures media median medians medium medoid meets member members memo memory mend merge merges messages meta metadata methods metric metrics microsecond microseconds middle midnight million
millisecond milliseconds mine miner miners mines minima minimum minor minus misconfigured misfits mislead mismatch misses mistake mistaken mistakes mixes mock modbus models modifiers modify
module modules modulo modulus monday money mono months moreover most movers moves multi multicast multiples multiplier multipliers multiplies mute mysql nameservers namespace namespaces
nanos nanosecond nanoseconds narrow natural nearer nearest needs negatives neighbourhood neighbours neither netflow netlink never nevertheless new newer newest newline news next nftables
node nodes noise noisy nonce none nonetheless norm normal normally notably notebook notes notice notices notify noun nouns nowhere ntop null nulls numeric objects observe observer obviously
occasionally occur octet octets odd odder oddities odds offer offers office offline offload offset offsets often old older oldest ones online onward open openai opens operand operands
opinion opinions opposite optional oracle orders original originally other others otherwise ours ourselves outcome outcomes outer outermost outlier outlives output outputs outsider outsiders
outward overall overflow overlap overlaps overload overrides overtaken overwritten owners owns pace pack packages packs pages paint panel panels paper paragraph parallel param parameter
parameters params pareto parse parser parsers parses partial participle particular partners parts pass passes passwords past patch paths pause pauses payload payloads pcap pcapng pcaps peek
peeks percentile perfect periodic periods permissions permit persona personas phishers phones phrase phrases pick pickle picks pictures piece pieces pings pipe pipeline pipes pivot
placeholders places plane planned planner plans plateau plug plugin plugins plural pointer pointers points poke poll pools popular positives possibly post postgres predict preface prefilter
prefix prefixes prepare preserve presumably preview previously price prices primary prime principal print printers prints privacy private probabilities probably probe probes problem problems
processor producer products projects promise promises prompt prompts properties property proposal proposals proposes proto prototype prove proves providers proxies prune pseudo pseudonym
pseudonyms pseudowire public public-facing pull punycode push pushes puts python quantile quantiles quantities quarantine quarter quarters quartiles queue quick quicker quiet quota quote
quotes radio radiotap radius raises ramp random ranges rank ranks rare rarely rarer rarest ratios raws reachable reaches react read reader readings reads ready reboot rebuilds recall
receiver receivers recent recheck recipe recognise recognises reconnect record recover redirect redrawn references refit refits reflector reflectors refusal refusals refuse refuses register
registers registries regular reimage reject rejects relay relays release releases remainder remark remarkably remarks remember remembers remote removes rename renew repeaters repeats replace
replaces replay replicates report reportedly reports require requires resamplings reservoir reset resets residuals resolve resolvers resolves respond responder responders responses restart
restarts rests resume retain retrain retransmissions retries retry returns reuse reverse review revisit revoke rights rings rise rises road robust roles room rootkits roots rotate rough
round rounds routers routes routine runs runtime safe safetensors safety said salt same sample sampler samples sasl satisfies save says scalar scalars scaler scales scan scatter scenarios
scheduled schema schemas scheme scores scratch screen scripted scroll search second secondary seconds secret secrets seeds seems sees seldom select selector self semantics semicolons senders
sends sense sensors sentences separates sequences serial series serve servername serves sessions sets settings settle setup sevens several severe severities sflow shall shape shapes shard
shards shares sheet sheets shells shifts ship ships short shorten shorter shortest shown shrink shrinks shrunk shuffle shut shutdown sides sign signal signals signatures signer silences
silhouette similar similarly simple sine singles sink sinks sips site sites sits sketch skew skill skip slash sleep sleeps slice slices slider slides slips slope slot slots slow slower
slowest small smaller smallest smart smooth snapshots socket sockets socks soft solicit some sometimes sorry sort sorts sound sources spaces span spans spare spawn speak speakers speaks spec
special specific specifier specs spend spends spill split splits spnego spoke spoken spray spreads spreadsheet square squares stack staff stages stale stamp stamps stand stands start starts
startswith stat states static statistic statistics stats stay stays stdio steady stealer stealers stem stitcher stood stop stops store stores straight strange strangest stratum stream
streams stress stretch stretches strict stride strings stripe stroke strongest stub study stun styles subcommand subdomain subdomains sublanes submits subnets subsample subsequently subset
subsets subtype succeeds successor such sudo suffers suffices suffix suffixes suite suites summaries summarise summariser summarize sums superior suppliers supports suppressions surprise
surrogates surroundings survival survives survivor suspect suspects suspicious swap sweep sweeps swept switches symbol symbolic symmetric syntax syntaxes synthetic sysadmins syslog
systematic tables tabs tag tags tail tails taken takes taught tcpdump teach teaches teams techniques telephone tell tells telnet templates tens tensor tensors tenth tenths teredo terminal
terms testuser text texts theirs themselves therefore theta thin thinks thinner third thirty though thought thousand thousandth thread threads threats thresholds throttle throw thrown throws
thus tick tickets ticks ties tiktoken timeline timeout timeouts timer timers timestamp tiny titles tokens told took tool topics torch total totals touch touches trace track tracker trackers
trade trailer trails trains transcoder transfers transform transforms transport trap traps travel tree trees triage trials trip trojans trouble true truth tune tunnels tuples turns twentieth
twice twin twins types typical typically uids unauthorised unauthorized unblock understood undone unfold unfortunately unheard unicast uniform union unique units unknown unlikely unlink
unlock unpack unpatched unplanned unplug unreachable unread unseen unset unusual upgrade uploads upnp upper uptime urgency username uses usual usually uuid vain values variables variances
varies varint various vectors vendors verb verbs verdict verdicts verifier verify versions video visitor visitors vlan vlans voice void vouches vowel vowels vulnerable vxlan wait waiter
waits wake walk walks wall warm warms warn warnings warns wasm watch watches watermark websocket weekday weekdays weekend weigh weighs weight weightiest weights weird well wheel white whole
wide wider widest width widths windows winrm wins wipe wire withdrawal wlan word words work workbook worker workers workgroup works workspace workstations world worm worse worth wrap write
writer writers writes written wrote yaml yargs years yield yields young yours zeros zlib zone zones`.split(/\s+/),
);
