# The rules that the reference Policer puts into a Pod's network namespace, by the same calls in the same order: first its chains and
# the jumps to them, then what policies say, then its default rules. $1 is iptables, $2 ip6tables, $3 and $4 are those who may come in.
rule() {
    program=$1 chain=$2
    shift 2
    "$program" -t filter -C "$chain" "$@" 2>/dev/null || "$program" -t filter -A "$chain" "$@"
}

own_chain() {
    "$1" -t filter -N "$2" 2>/dev/null || true
    "$1" -t filter -F "$2"
    rule "$1" "$3" -j "$2"
}

defaults() {
    rule "$1" INPUT -i lo -j ACCEPT
    rule "$1" INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
    rule "$1" INPUT -j REJECT
    rule "$1" OUTPUT -o lo -j ACCEPT
    rule "$1" OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
    rule "$1" OUTPUT -p tcp --dport 53 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
    rule "$1" OUTPUT -p udp --dport 53 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
    rule "$1" OUTPUT -j REJECT
    rule "$1" FORWARD -j REJECT
}

set -e
own_chain "$1" DANM_INGRESS_V4 INPUT
own_chain "$2" DANM_INGRESS_V6 INPUT
own_chain "$1" DANM_EGRESS_V4 OUTPUT
own_chain "$2" DANM_EGRESS_V6 OUTPUT
rule "$1" DANM_INGRESS_V4 -s "$3" -j ACCEPT
rule "$1" DANM_INGRESS_V4 -p TCP --sport 80 -s "$3" -j ACCEPT
rule "$1" DANM_INGRESS_V4 -j RETURN
rule "$2" DANM_INGRESS_V6 -s "$4" -j ACCEPT
rule "$2" DANM_INGRESS_V6 -j RETURN
rule "$1" DANM_EGRESS_V4 -d "$3" -j ACCEPT
rule "$1" DANM_EGRESS_V4 -j RETURN
rule "$2" DANM_EGRESS_V6 -d "$4" -j ACCEPT
rule "$2" DANM_EGRESS_V6 -j RETURN
defaults "$1"
defaults "$2"
