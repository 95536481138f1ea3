// Judges pairs of certificate and key as a controller does, with Go's own tls.X509KeyPair:
//
//	go run verdicts.go < pairs.json > judged.json
package main

import (
	"crypto/tls"
	"encoding/json"
	"log"
	"os"
	"strings"
)

type pair struct {
	Name    string `json:"name"`
	Cert    string `json:"cert"`
	Key     string `json:"key"`
	Verdict string `json:"verdict"`
}

func main() {
	var pairs []pair
	if err := json.NewDecoder(os.Stdin).Decode(&pairs); err != nil {
		log.Fatal(err)
	}
	for i := range pairs {
		p := &pairs[i]
		p.Verdict = ""
		cert, key := strings.Trim(p.Cert, " \n"), strings.Trim(p.Key, " \n")
		if _, err := tls.X509KeyPair([]byte(cert), []byte(key)); err != nil {
			p.Verdict = err.Error()
		}
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	if err := out.Encode(pairs); err != nil {
		log.Fatal(err)
	}
}
