#!/bin/sh
# Takes the rules of the reference Policer that iptables-legacy has made out of the network namespaces of this node's Pods: what
# danm-policer cannot do, because it cannot look there. Run it on the node, as root, after the reference's DaemonSet is gone. It needs
# iptables-legacy, nft, nsenter and lsns. docs/policer.md tells when.
#
# A namespace without rules of danm-policer is left alone, because it would be open afterwards; with --everywhere it is not. Nothing is
# done where none of the reference's chains is. Each family of a namespace is changed at once or not at all. What stands beside its
# rules stays; a rule that says just what one of its default rules says is taken for that.
set -eu

default_rules='-i lo -j ACCEPT
-o lo -j ACCEPT
-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-p tcp -m tcp --dport 53 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
-p udp -m udp --dport 53 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
-j REJECT --reject-with icmp-port-unreachable
-j REJECT --reject-with icmp6-port-unreachable
-j DANM_INGRESS_V4
-j DANM_EGRESS_V4
-j DANM_INGRESS_V6
-j DANM_EGRESS_V6'

# What takes them away, of what a program for saving says: each rule once, then its chains.
removal() {
    echo '*filter'
    for chain in INPUT OUTPUT FORWARD; do
        echo "$default_rules" | while read -r rule; do
            if echo "$1" | grep -qxF -e "-A $chain $rule"; then echo "-D $chain $rule"; fi
        done
    done
    echo "$1" | sed -n 's/^:\(DANM_[A-Z]*GRESS_V[46]\) .*/-F \1\n-X \1/p'
    echo COMMIT
}

failed=0
for process in ${PROCESSES:-$(lsns --noheadings --type net --output PID)}; do
    if [ "$process" = 1 ]; then continue; fi
    within() { nsenter --net="/proc/$process/ns/net" "$@"; }
    grep -sqx filter "/proc/$process/net/ip_tables_names" "/proc/$process/net/ip6_tables_names" || continue
    v4=$(within iptables-legacy-save -t filter)
    v6=$(within ip6tables-legacy-save -t filter)
    echo "$v4$v6" | grep -q '^:DANM_[A-Z]*GRESS_V[46] ' || continue
    if [ "${1:-}" != --everywhere ] && ! within nft list table inet danm_policer 2>/dev/null | grep -q 'type filter hook'; then
        echo "the network namespace of process $process has no rules of danm-policer, and is left alone" >&2
        continue
    fi
    if removal "$v4" | within iptables-legacy-restore --noflush &&
        removal "$v6" | within ip6tables-legacy-restore --noflush; then
        echo "rules were taken out of the network namespace of process $process"
    else
        failed=1
    fi
done
exit "$failed"
