// Judges pairs of certificate and key as Flynn's router and its clients do:
//
//	judge load CHAIN KEY             whether tls.X509KeyPair loads them
//	judge serve CHAIN KEY ADDRESS    serves them, as the router does
//	judge dial ROOT ADDRESS          whether a Go client accepts what a server presents
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

func main() {
	cert, _ := os.ReadFile(os.Args[2])
	if os.Args[1] == "load" {
		key, _ := os.ReadFile(os.Args[3])
		_, err := tls.X509KeyPair([]byte(strings.Trim(string(cert), " \n")), []byte(strings.Trim(string(key), " \n")))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ok")
		return
	}
	if os.Args[1] == "serve" {
		key, _ := os.ReadFile(os.Args[3])
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		l, err := tls.Listen("tcp", os.Args[4], &tls.Config{Certificates: []tls.Certificate{pair}})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { c.(*tls.Conn).Handshake(); buf := make([]byte, 10); c.Read(buf); c.Close() }()
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	c, err := tls.Dial("tcp", os.Args[3], &tls.Config{RootCAs: pool, ServerName: "example.com"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	c.Close()
	fmt.Println("ok")
}
