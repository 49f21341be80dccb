// Asks Jira who the token's owner is: GET /rest/api/2/myself. Needs Go 1.18 or newer and nothing else:
// go run myself.go
//
//	GATEPASS_URL      the service: https://jira.example.com
//	GATEPASS_TOKEN    the token
//	GATEPASS_USER     its owner's name, for Basic; without it the token goes as Bearer
//	GATEPASS_CA_FILE  PEM of a private certificate authority; without it the machine's own ones count
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	body, err := myself()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(body)
}

func myself() (string, error) {
	url, token := os.Getenv("GATEPASS_URL"), os.Getenv("GATEPASS_TOKEN")
	if url == "" || token == "" {
		return "", fmt.Errorf("GATEPASS_URL or GATEPASS_TOKEN is not set")
	}
	if !strings.HasPrefix(url, "https://") {
		return "", fmt.Errorf("GATEPASS_URL must begin with https://")
	}
	request, err := http.NewRequest(http.MethodGet, strings.TrimSuffix(url, "/")+"/rest/api/2/myself", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept", "application/json")
	if user := os.Getenv("GATEPASS_USER"); user != "" {
		request.SetBasicAuth(user, token)
	} else {
		request.Header.Set("Authorization", "Bearer "+token)
	}

	client, err := newClient(os.Getenv("GATEPASS_CA_FILE"))
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("HTTP %d: %s", response.StatusCode, body)
	}
	return string(body), nil
}

// newClient believes the authorities in a PEM file, or the machine's own ones. It follows no redirect: the token is for
// this service.
func newClient(caFile string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		authorities := x509.NewCertPool()
		if !authorities.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", caFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: authorities}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, CheckRedirect: stay, Timeout: 30 * time.Second}, nil
}
