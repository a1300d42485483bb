# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_showalloc_global_optspecs
    string join \n kubeconfig= context= cluster= user= as= as-group= s/server= token= tls-server-name= insecure-skip-tls-verify request-timeout= h/help V/version
end

function __fish_showalloc_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_showalloc_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_showalloc_using_subcommand
    set -l cmd (__fish_showalloc_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c showalloc -n "__fish_showalloc_needs_command" -l kubeconfig -d 'Path of a kubeconfig file [default: $KUBECONFIG, ~/.kube/config, the Pod\'s own service account]' -r -F
complete -c showalloc -n "__fish_showalloc_needs_command" -l context -d 'Context of the kubeconfig file to use' -r
complete -c showalloc -n "__fish_showalloc_needs_command" -l cluster -d 'Entry of the kubeconfig file\'s clusters' -r
complete -c showalloc -n "__fish_showalloc_needs_command" -l user -d 'Entry of the kubeconfig file\'s users' -r
complete -c showalloc -n "__fish_showalloc_needs_command" -l as -d 'Act as this user' -r
complete -c showalloc -n "__fish_showalloc_needs_command" -l as-group -d 'Act as a member of this group; may be said several times' -r
complete -c showalloc -n "__fish_showalloc_needs_command" -s s -l server -d 'Address of the API server' -r
complete -c showalloc -n "__fish_showalloc_needs_command" -l token -d 'Bearer token' -r
complete -c showalloc -n "__fish_showalloc_needs_command" -l tls-server-name -d 'Name that the server\'s certificate has to be for' -r
complete -c showalloc -n "__fish_showalloc_needs_command" -l request-timeout -d 'Give up if the cluster has not been read by then; 0 for never' -r
complete -c showalloc -n "__fish_showalloc_needs_command" -l insecure-skip-tls-verify -d 'Do not look at the server\'s certificate'
complete -c showalloc -n "__fish_showalloc_needs_command" -s h -l help -d 'Print help'
complete -c showalloc -n "__fish_showalloc_needs_command" -s V -l version -d 'Print version'
complete -c showalloc -n "__fish_showalloc_needs_command" -f -a "show" -d 'The addresses of networks and who holds them'
complete -c showalloc -n "__fish_showalloc_needs_command" -f -a "networks" -d 'All networks: how full they are, and what is leaked'
complete -c showalloc -n "__fish_showalloc_needs_command" -f -a "ip" -d 'Who holds an address, or which addresses a Pod holds, on every network'
complete -c showalloc -n "__fish_showalloc_needs_command" -f -a "check" -d 'What does not agree: leaked and missing bits, conflicts and the like'
complete -c showalloc -n "__fish_showalloc_needs_command" -f -a "map" -d 'A network as a picture'
complete -c showalloc -n "__fish_showalloc_needs_command" -f -a "top" -d 'All networks live, with a picture of the one that is selected'
complete -c showalloc -n "__fish_showalloc_needs_command" -f -a "completion" -d 'Prints the completions for a shell'
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l cidr -d 'Only addresses of this subnet' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -s n -l namespace -d 'The namespace [default: that of the context]' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -s l -l selector -d 'Only networks with these labels' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -s o -l output -d 'The format' -r -f -a "table\t'For people'
wide\t'For people, with more columns'
json\t'The API showalloc.danm.io/v1'
yaml\t'The same as YAML'
name\t'The names alone'
svg\t'A picture'"
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l color -d 'Whether to use colours; they never say anything that a character does not say too' -r -f -a "auto\t''
always\t''
never\t''"
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l width -d 'Columns to fit into [default: those of the terminal]' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l kubeconfig -d 'Path of a kubeconfig file [default: $KUBECONFIG, ~/.kube/config, the Pod\'s own service account]' -r -F
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l context -d 'Context of the kubeconfig file to use' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l cluster -d 'Entry of the kubeconfig file\'s clusters' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l user -d 'Entry of the kubeconfig file\'s users' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l as -d 'Act as this user' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l as-group -d 'Act as a member of this group; may be said several times' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -s s -l server -d 'Address of the API server' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l token -d 'Bearer token' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l tls-server-name -d 'Name that the server\'s certificate has to be for' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l request-timeout -d 'Give up if the cluster has not been read by then; 0 for never' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -s a -l all -d 'Give every address a line of its own, free ones too'
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -s 4 -l ipv4 -d 'Only IPv4'
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -s 6 -l ipv6 -d 'Only IPv6'
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -s w -l watch -d 'Go on, and show again what changes'
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -s A -l all-namespaces -d 'All namespaces'
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l no-headers -d 'Leave the line with the names of the columns out'
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l ascii -d 'Use ASCII only'
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -l insecure-skip-tls-verify -d 'Do not look at the server\'s certificate'
complete -c showalloc -n "__fish_showalloc_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l sort-by -d 'Sort by this column, largest first if it is a number' -r -f -a "name\t''
size\t''
used\t''
free\t''
leaked\t''
util\t''"
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -s n -l namespace -d 'The namespace [default: that of the context]' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -s l -l selector -d 'Only networks with these labels' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -s o -l output -d 'The format' -r -f -a "table\t'For people'
wide\t'For people, with more columns'
json\t'The API showalloc.danm.io/v1'
yaml\t'The same as YAML'
name\t'The names alone'
svg\t'A picture'"
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l color -d 'Whether to use colours; they never say anything that a character does not say too' -r -f -a "auto\t''
always\t''
never\t''"
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l width -d 'Columns to fit into [default: those of the terminal]' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l kubeconfig -d 'Path of a kubeconfig file [default: $KUBECONFIG, ~/.kube/config, the Pod\'s own service account]' -r -F
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l context -d 'Context of the kubeconfig file to use' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l cluster -d 'Entry of the kubeconfig file\'s clusters' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l user -d 'Entry of the kubeconfig file\'s users' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l as -d 'Act as this user' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l as-group -d 'Act as a member of this group; may be said several times' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -s s -l server -d 'Address of the API server' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l token -d 'Bearer token' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l tls-server-name -d 'Name that the server\'s certificate has to be for' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l request-timeout -d 'Give up if the cluster has not been read by then; 0 for never' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -s w -l watch -d 'Go on, and show again what changes'
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -s 4 -l ipv4 -d 'Only IPv4'
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -s 6 -l ipv6 -d 'Only IPv6'
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -s A -l all-namespaces -d 'All namespaces'
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l no-headers -d 'Leave the line with the names of the columns out'
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l ascii -d 'Use ASCII only'
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -l insecure-skip-tls-verify -d 'Do not look at the server\'s certificate'
complete -c showalloc -n "__fish_showalloc_using_subcommand networks" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -s o -l output -d 'The format' -r -f -a "table\t'For people'
wide\t'For people, with more columns'
json\t'The API showalloc.danm.io/v1'
yaml\t'The same as YAML'
name\t'The names alone'
svg\t'A picture'"
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l color -d 'Whether to use colours; they never say anything that a character does not say too' -r -f -a "auto\t''
always\t''
never\t''"
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l width -d 'Columns to fit into [default: those of the terminal]' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l kubeconfig -d 'Path of a kubeconfig file [default: $KUBECONFIG, ~/.kube/config, the Pod\'s own service account]' -r -F
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l context -d 'Context of the kubeconfig file to use' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l cluster -d 'Entry of the kubeconfig file\'s clusters' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l user -d 'Entry of the kubeconfig file\'s users' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l as -d 'Act as this user' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l as-group -d 'Act as a member of this group; may be said several times' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -s s -l server -d 'Address of the API server' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l token -d 'Bearer token' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l tls-server-name -d 'Name that the server\'s certificate has to be for' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l request-timeout -d 'Give up if the cluster has not been read by then; 0 for never' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l no-headers -d 'Leave the line with the names of the columns out'
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l ascii -d 'Use ASCII only'
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -l insecure-skip-tls-verify -d 'Do not look at the server\'s certificate'
complete -c showalloc -n "__fish_showalloc_using_subcommand ip" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -s n -l namespace -d 'The namespace [default: that of the context]' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -s l -l selector -d 'Only networks with these labels' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -s o -l output -d 'The format' -r -f -a "table\t'For people'
wide\t'For people, with more columns'
json\t'The API showalloc.danm.io/v1'
yaml\t'The same as YAML'
name\t'The names alone'
svg\t'A picture'"
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l color -d 'Whether to use colours; they never say anything that a character does not say too' -r -f -a "auto\t''
always\t''
never\t''"
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l width -d 'Columns to fit into [default: those of the terminal]' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l kubeconfig -d 'Path of a kubeconfig file [default: $KUBECONFIG, ~/.kube/config, the Pod\'s own service account]' -r -F
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l context -d 'Context of the kubeconfig file to use' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l cluster -d 'Entry of the kubeconfig file\'s clusters' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l user -d 'Entry of the kubeconfig file\'s users' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l as -d 'Act as this user' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l as-group -d 'Act as a member of this group; may be said several times' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -s s -l server -d 'Address of the API server' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l token -d 'Bearer token' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l tls-server-name -d 'Name that the server\'s certificate has to be for' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l request-timeout -d 'Give up if the cluster has not been read by then; 0 for never' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l exit-code -d 'Exit with 1 if something was found'
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -s A -l all-namespaces -d 'All namespaces'
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l no-headers -d 'Leave the line with the names of the columns out'
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l ascii -d 'Use ASCII only'
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -l insecure-skip-tls-verify -d 'Do not look at the server\'s certificate'
complete -c showalloc -n "__fish_showalloc_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l cidr -d 'Only addresses of this subnet' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -s n -l namespace -d 'The namespace [default: that of the context]' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -s l -l selector -d 'Only networks with these labels' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -s o -l output -d 'The format' -r -f -a "table\t'For people'
wide\t'For people, with more columns'
json\t'The API showalloc.danm.io/v1'
yaml\t'The same as YAML'
name\t'The names alone'
svg\t'A picture'"
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l color -d 'Whether to use colours; they never say anything that a character does not say too' -r -f -a "auto\t''
always\t''
never\t''"
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l width -d 'Columns to fit into [default: those of the terminal]' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l kubeconfig -d 'Path of a kubeconfig file [default: $KUBECONFIG, ~/.kube/config, the Pod\'s own service account]' -r -F
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l context -d 'Context of the kubeconfig file to use' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l cluster -d 'Entry of the kubeconfig file\'s clusters' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l user -d 'Entry of the kubeconfig file\'s users' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l as -d 'Act as this user' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l as-group -d 'Act as a member of this group; may be said several times' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -s s -l server -d 'Address of the API server' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l token -d 'Bearer token' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l tls-server-name -d 'Name that the server\'s certificate has to be for' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l request-timeout -d 'Give up if the cluster has not been read by then; 0 for never' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l hilbert -d 'Draw along a Hilbert curve: every aligned subnet is one compact shape'
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -s 4 -l ipv4 -d 'Only IPv4'
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -s 6 -l ipv6 -d 'Only IPv6'
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -s A -l all-namespaces -d 'All namespaces'
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l no-headers -d 'Leave the line with the names of the columns out'
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l ascii -d 'Use ASCII only'
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -l insecure-skip-tls-verify -d 'Do not look at the server\'s certificate'
complete -c showalloc -n "__fish_showalloc_using_subcommand map" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -s n -l namespace -d 'The namespace [default: that of the context]' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -s l -l selector -d 'Only networks with these labels' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l color -d 'Whether to use colours; they never say anything that a character does not say too' -r -f -a "auto\t''
always\t''
never\t''"
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l width -d 'Columns to fit into [default: those of the terminal]' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l kubeconfig -d 'Path of a kubeconfig file [default: $KUBECONFIG, ~/.kube/config, the Pod\'s own service account]' -r -F
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l context -d 'Context of the kubeconfig file to use' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l cluster -d 'Entry of the kubeconfig file\'s clusters' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l user -d 'Entry of the kubeconfig file\'s users' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l as -d 'Act as this user' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l as-group -d 'Act as a member of this group; may be said several times' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -s s -l server -d 'Address of the API server' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l token -d 'Bearer token' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l tls-server-name -d 'Name that the server\'s certificate has to be for' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l request-timeout -d 'Give up if the cluster has not been read by then; 0 for never' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -s A -l all-namespaces -d 'All namespaces'
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l ascii -d 'Use ASCII only'
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -l insecure-skip-tls-verify -d 'Do not look at the server\'s certificate'
complete -c showalloc -n "__fish_showalloc_using_subcommand top" -s h -l help -d 'Print help'
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -l kubeconfig -d 'Path of a kubeconfig file [default: $KUBECONFIG, ~/.kube/config, the Pod\'s own service account]' -r -F
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -l context -d 'Context of the kubeconfig file to use' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -l cluster -d 'Entry of the kubeconfig file\'s clusters' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -l user -d 'Entry of the kubeconfig file\'s users' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -l as -d 'Act as this user' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -l as-group -d 'Act as a member of this group; may be said several times' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -s s -l server -d 'Address of the API server' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -l token -d 'Bearer token' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -l tls-server-name -d 'Name that the server\'s certificate has to be for' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -l request-timeout -d 'Give up if the cluster has not been read by then; 0 for never' -r
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -l insecure-skip-tls-verify -d 'Do not look at the server\'s certificate'
complete -c showalloc -n "__fish_showalloc_using_subcommand completion" -s h -l help -d 'Print help'
