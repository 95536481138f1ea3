#!/bin/bash
# Prints the verdicts that pairs.json holds, for NAME.pem and NAME.key in this folder beside root.pem:
#
#   go build -o judge judge.go && bash judge.sh *.pem
#
# Go serves what it loads, OpenSSL the rest. Judged in November 2026 by Go 1.19.8, OpenSSL 3.0.19 and
# GnuTLS 3.7.9 (the library of git in Debian).
port=21000
for p in "${@:-}"; do
 n=${p%.pem}; port=$((port+1))
 chain=$n.pem
 load=$(./judge load $chain $n.key 2>&1)
 if [ "$load" = ok ]; then ./judge serve $chain $n.key 127.0.0.1:$port >srv.log 2>&1 & spid=$!; srv=go
 else openssl s_server -accept $port -cert $chain -key $n.key -www -quiet -cipher 'ALL:@SECLEVEL=0' >srv.log 2>&1 & spid=$!; srv=openssl; fi
 for i in 1 2 3 4 5 6 7 8 9 10; do (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break; sleep 0.1; done
 gc=$(timeout 5 ./judge dial root.pem 127.0.0.1:$port 2>&1 | tail -1)
 if echo | timeout 5 openssl s_client -connect 127.0.0.1:$port -CAfile root.pem -verify_return_error -servername example.com -verify_hostname example.com -purpose sslserver >o.log 2>&1 && grep -q "Verify return code: 0" o.log; then oc=ok; else oc="$(grep -m1 -i 'error' o.log | sed 's/.*error:/error:/' | cut -c1-90)"; fi
 if timeout 5 gnutls-cli --x509cafile root.pem --sni-hostname example.com --verify-hostname example.com -p $port 127.0.0.1 </dev/null >g.log 2>&1; then nc=ok; else nc="$(grep -m1 -iE 'Fatal|Status: |error' g.log | cut -c1-110)"; fi
 st=$(openssl verify -x509_strict -purpose sslserver -CAfile root.pem $chain 2>&1 | grep -m1 error | cut -c1-80); 
 kill $spid 2>/dev/null; wait $spid 2>/dev/null
 echo "$n | load: $load | $srv | go: $gc | openssl: $oc | gnutls: $nc | strict: ${st:-ok}"
done
