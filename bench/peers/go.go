// Go's golang.org/x/net/ipv4: do=send (WriteTo, or WriteBatch of batch=, from a source), receive (ReadBatch), echo (both,
// from the destination); the rest as in ../reference.
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/net/ipv4"
)

func text(name string) string {
	for _, argument := range os.Args[1:] {
		if strings.HasPrefix(argument, name+"=") {
			return argument[len(name)+1:]
		}
	}
	return ""
}

func number(name string, otherwise int) int {
	if value, err := strconv.Atoi(text(name)); err == nil {
		return value
	}
	return otherwise
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func cpuTime() int64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func open(address string) (*net.UDPConn, *ipv4.PacketConn) {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(address)})
	check(err)
	return socket, ipv4.NewPacketConn(socket)
}

func send() {
	_, socket := open("0.0.0.0")
	count := number("count", 1)
	payload := number("payload", 1200)
	to := &net.UDPAddr{IP: net.ParseIP("127.0.0.1"), Port: number("port", 0)}
	control := &ipv4.ControlMessage{Src: net.ParseIP("127.0.0.2")}
	messages := make([]ipv4.Message, number("batch", 1))
	for index := range messages {
		messages[index] = ipv4.Message{Buffers: [][]byte{bytes.Repeat([]byte{1}, payload)}, OOB: control.Marshal(), Addr: to}
	}
	start := cpuTime()
	sent := 0
	for sent < count {
		if len(messages) == 1 {
			_, err := socket.WriteTo(messages[0].Buffers[0], control, to)
			check(err)
			sent++
		} else {
			taken, err := socket.WriteBatch(messages, 0)
			check(err)
			sent += taken
		}
	}
	fmt.Println(sent, cpuTime()-start)
}

func serve(address string, answers bool) {
	connection, socket := open(address)
	check(connection.SetReadBuffer(1 << 20))
	flags := ipv4.FlagDst | ipv4.FlagInterface
	check(socket.SetControlMessage(flags, true))
	batch := number("batch", 64)
	received := make([]ipv4.Message, batch)
	sending := make([]ipv4.Message, batch)
	for index := range received {
		received[index] = ipv4.Message{Buffers: [][]byte{make([]byte, 2048)}, OOB: ipv4.NewControlMessage(flags)}
		sending[index].Buffers = make([][]byte, 1)
	}
	fmt.Println("port", connection.LocalAddr().(*net.UDPAddr).Port)
	warm, count := number("warm", 0), number("count", 1)
	seen, first := 0, -1
	var start int64
	for first < 0 || seen-first < count {
		messages, err := socket.ReadBatch(received, 0)
		check(err)
		for index := 0; answers && index < messages; index++ {
			message, answer := &received[index], &sending[index]
			var control ipv4.ControlMessage
			check(control.Parse(message.OOB[:message.NN]))
			answer.OOB = (&ipv4.ControlMessage{Src: control.Dst}).Marshal()
			answer.Buffers[0] = message.Buffers[0][:message.N]
			answer.Addr = message.Addr
		}
		for sent := 0; answers && sent < messages; {
			taken, err := socket.WriteBatch(sending[sent:messages], 0)
			check(err)
			sent += taken
		}
		seen += messages
		if first < 0 && seen >= warm {
			first = seen
			start = cpuTime()
		}
	}
	fmt.Println(seen-first, cpuTime()-start)
}

func main() {
	switch text("do") {
	case "send":
		send()
	case "receive":
		serve("127.0.0.1", false)
	case "echo":
		serve("0.0.0.0", true)
	}
}
