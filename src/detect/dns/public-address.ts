/** Public services that tell who asks by which address it is seen outside. */
const PUBLIC_ADDRESS_SERVICES: ReadonlySet<string> = new Set(
  `api.ipify.org api64.ipify.org checkip.dyndns.org checkip.dyndns.com checkip.amazonaws.com icanhazip.com ipv4.icanhazip.com ifconfig.me ifconfig.co ifconfig.io ip-api.com ipinfo.io
  ipecho.net ident.me v4.ident.me myexternalip.com wtfismyip.com ipapi.co freegeoip.app freegeoip.live reallyfreegeoip.org geoplugin.net www.geoplugin.net whatismyipaddress.com
  bot.whatismyipaddress.com ip.anysrc.net api.myip.com api.ip.sb eth0.me ipwho.is ipwhois.app curlmyip.net ip4.seeip.org api.seeip.org showip.net iplogger.org`.split(
    /\s+/,
  ),
);
const LONGEST_SERVICE = Math.max(...[...PUBLIC_ADDRESS_SERVICES].map((name) => name.length));
/** Whether a name is that of a public service that tells addresses. Names come in lower case, but where somebody wants to be odd. */
export function tellsAddress(name: string): boolean {
  return name.length <= LONGEST_SERVICE && PUBLIC_ADDRESS_SERVICES.has(name);
}
