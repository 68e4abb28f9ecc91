// SPDX-License-Identifier: Apache-2.0

// Asks a server's services what nats.go's micro clients ask, and prints what nats.go understood of
// the answers, as JSON. An answer with a field that nats.go does not know, or of another type, ends
// it with an error.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

func ask[T any](connection *nats.Conn, verb micro.Verb) ([]T, error) {
	subject, err := micro.ControlSubject(verb, "", "")
	if err != nil {
		return nil, err
	}
	inbox := connection.NewInbox()
	subscription, err := connection.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	if err := connection.PublishRequest(subject, inbox, nil); err != nil {
		return nil, err
	}
	var answers []T
	for {
		message, err := subscription.NextMsg(500 * time.Millisecond)
		if err == nats.ErrTimeout {
			return answers, nil
		}
		if err != nil {
			return nil, err
		}
		decoder := json.NewDecoder(bytes.NewReader(message.Data))
		decoder.DisallowUnknownFields()
		var answer T
		if err := decoder.Decode(&answer); err != nil {
			return nil, fmt.Errorf("%s: %w in %s", verb, err, message.Data)
		}
		answers = append(answers, answer)
	}
}

func run(url string) error {
	connection, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer connection.Close()
	pings, err := ask[micro.Ping](connection, micro.PingVerb)
	if err != nil {
		return err
	}
	infos, err := ask[micro.Info](connection, micro.InfoVerb)
	if err != nil {
		return err
	}
	stats, err := ask[micro.Stats](connection, micro.StatsVerb)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"ping": pings, "info": infos, "stats": stats})
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
