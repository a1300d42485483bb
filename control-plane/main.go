// Package main is the control plane that the tests run against: the real etcd,
// kube-apiserver, kube-controller-manager and kubectl in one binary, which
// chooses among them by the name it is called under (argv[0]), as busybox does.
//
// It configures nothing: flags are the caller's business (crates/testkit starts
// it, cargo xtask builds and caches it). It adds one thing: servers end with the
// process that started them, however that ended.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// endWithStdin is the environment variable that asks a server to exit once its
// standard input is closed.
const endWithStdin = "CONTROL_PLANE_END_WITH_STDIN"

func main() {
	if os.Getenv(endWithStdin) != "" {
		go exitWhenClosed(os.Stdin)
	}
	switch name := filepath.Base(os.Args[0]); name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kubectl":
		runKubectl()
	default:
		fmt.Fprintf(os.Stderr, "called as %q: link this binary as etcd, kube-apiserver, kube-controller-manager or kubectl\n", name)
		os.Exit(2)
	}
}

// exitWhenClosed waits for the other end of a pipe to go away: the starting
// process holds it, and the kernel closes it when that process is killed.
func exitWhenClosed(pipe io.Reader) {
	_, _ = io.Copy(io.Discard, pipe)
	os.Exit(0)
}

// runKubectl sets the log level before cobra parses the flags, because plugin
// handling logs before that point.
func runKubectl() {
	logs.GlogSetter(kubectl.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}
