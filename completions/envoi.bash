# Completion of envoi(1) for bash. tests/checks/options.sh keeps the options
# equal to those of the program.

# Offers words that begin with what was typed, each followed by a blank unless
# it ends in "=".
_envoi_offer()
{
	local word
	COMPREPLY=()
	for word in $1; do
		[[ $word == "$cur"* ]] && COMPREPLY+=("$word")
	done
	if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then
		compopt -o nospace 2>/dev/null
	fi
}

_envoi_files()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
	return 0
}

# The last word of a list with commas: cur is the whole list.
_envoi_list()
{
	local word head=""
	[[ $cur == *,* ]] && head=${cur%,*},
	COMPREPLY=()
	for word in $1; do
		[[ $head$word == "$cur"* ]] && COMPREPLY+=("$head$word")
	done
	compopt -o nospace 2>/dev/null
	return 0
}

_envoi_schemes="smtp:// submission:// submissions:// smtps:// lmtp:// lmtp+unix:/"

# Completes the value of option $1 of command $2; fails when it takes none.
_envoi_value()
{
	case $2:$1 in
	send:-s | send:--server)
		_envoi_offer "$_envoi_schemes"
		compopt -o nospace 2>/dev/null
		;;
	send:-f | send:--from | send:--to | send:--sessions) ;;
	send:--tls | probe:--tls)
		_envoi_offer "off opportunistic starttls implicit"
		;;
	send:--dsn-notify)
		_envoi_list "never success failure delay"
		;;
	send:--long-lines)
		_envoi_offer "encode pass refuse"
		;;
	send:--dsn-ret)
		_envoi_offer "hdrs full"
		;;
	send:--dsn-envid) ;;
	send:--tls-min | probe:--tls-min)
		_envoi_offer "1.2 1.3"
		;;
	send:--report | probe:--report)
		_envoi_offer "text json none"
		;;
	send:--timeout | probe:--timeout | config:--timeout)
		_envoi_offer "connect= greeting= ehlo= tls= auth= mail= rcpt= data= block= dot= quit= total="
		;;
	send:--tls-pin | probe:--tls-pin)
		_envoi_offer "sha256:"
		compopt -o nospace 2>/dev/null
		;;
	send:--without | probe:--without)
		_envoi_list "PIPELINING CHUNKING SIZE 8BITMIME SMTPUTF8 DSN STARTTLS LIMITS"
		;;
	send:--auth | probe:--auth)
		_envoi_list "off SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1
			PLAIN LOGIN CRAM-MD5 EXTERNAL OAUTHBEARER XOAUTH2"
		;;
	send:--password-file | probe:--password-file) _envoi_files -f ;;
	send:--user | send:--password-fd | send:--password-command) ;;
	probe:--user | probe:--password-fd | probe:--password-command) ;;
	send:--helo | send:--source | send:--tls-name) ;;
	probe:--helo | probe:--source | probe:--tls-name) ;;
	send:--cc | send:--bcc | send:--subject | send:--header | send:--body) ;;
	send:--body-file | send:--attach) _envoi_files -f ;;
	send:-F | send:--full-name) ;;
	send:--mbox-style) _envoi_offer "rd o" ;;
	send:--at | send:--expire) _envoi_offer "+30m +1h +1d" ;;
	queue:--report) _envoi_offer "text json none" ;;
	send:--tls-ca | send:--tls-cert | send:--tls-key | send:--transcript) _envoi_files -f ;;
	probe:--tls-ca | probe:--tls-cert | probe:--tls-key | probe:--transcript) _envoi_files -f ;;
	send:-a | send:--account | probe:-a | probe:--account | config:-a | config:--account) ;;
	send:-C | send:--config | probe:-C | probe:--config | config:-C | config:--config)
		_envoi_files -f
		;;
	config:-f | config:--from | config:--to) ;;
	sink:--listen)
		_envoi_offer "127.0.0.1: unix:"
		compopt -o nospace 2>/dev/null
		;;
	sink:--without)
		_envoi_list "PIPELINING CHUNKING SIZE 8BITMIME ENHANCEDSTATUSCODES STARTTLS"
		;;
	sink:--maildir) _envoi_files -d ;;
	sink:--mbox | sink:--port-file | sink:--tls-cert | sink:--tls-key | sink:--cert-file) _envoi_files -f ;;
	sink:--hostname | sink:--size | sink:--max-connections | sink:--max-recipients | sink:--messages) ;;
	*) return 1 ;;
	esac
	return 0
}

_envoi_options()
{
	local connection="-a --account -C --config --tls --tls-ca --tls-name --tls-pin --tls-cert --tls-key --tls-min
		--tls-insecure --no-tls-cache --auth --user --password-fd --password-file --password-command
		--helo -4 --ipv4 -6 --ipv6 --source --without --timeout
		-v --verbose --transcript --report -q --quiet --help"
	case $1 in
	send)
		_envoi_offer "-s --server -f --from --to --cc --bcc --subject --header --body --body-file --attach
			-t --read-recipients --raw -F --full-name --mbox --mbox-style --sessions --all-or-nothing
			--queue --no-queue --at --expire --long-lines --dsn-notify --dsn-ret --dsn-envid
			-n --dry-run --print --progress --no-progress $connection"
		;;
	probe)
		_envoi_offer "$connection"
		;;
	queue)
		_envoi_offer "--now --watch --all -v --verbose --report -q --quiet --help"
		;;
	config)
		_envoi_offer "-C --config -a --account -f --from --to --connect --timeout
			-v --verbose --help"
		;;
	sink)
		_envoi_offer "--listen --port-file --lmtp --hostname --maildir --mbox --discard
			--crlf --raw --tls-cert --tls-key --cert-file --tls-implicit --no-tls
			--without --size --max-connections --max-recipients --once --messages
			-v --verbose -q --quiet --help"
		;;
	esac
}

_envoi()
{
	# readline cuts words at "=" and ":"; what belongs together is put together.
	local line=${COMP_LINE:0:COMP_POINT} prefix=
	local -a words
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=("")
	local n=${#words[@]}
	local cur=${words[n - 1]} previous=${words[n - 2]} command=${words[1]}
	COMPREPLY=()
	if ((n <= 2)); then
		_envoi_offer "send queue probe config sendmail sink help --help --version"
		return
	fi
	if [[ $command == help ]]; then
		_envoi_offer "send queue probe config sendmail sink"
		return
	fi
	if [[ $cur == --*=* ]]; then
		previous=${cur%%=*}
		prefix=$previous=
		cur=${cur#*=}
	fi
	if ! _envoi_value "$previous" "$command"; then
		if [[ $cur == -* ]]; then
			_envoi_options "$command"
		elif [[ $command == send ]]; then
			_envoi_files -f
		elif [[ $command == queue ]]; then
			_envoi_offer "list show run hold release retry remove"
		elif [[ $command == config ]]; then
			_envoi_offer "check explain"
		elif [[ $command == probe ]]; then
			_envoi_offer "$_envoi_schemes"
			compopt -o nospace 2>/dev/null
		fi
	fi
	# readline replaces only what stands behind the last "=" or ":", unless
	# they were taken out of COMP_WORDBREAKS.
	local typed=$prefix$cur cut="" i
	for i in = :; do
		if [[ $COMP_WORDBREAKS == *"$i"* && $typed == *"$i"* ]]; then
			local head=${typed%"$i"*}$i
			((${#head} > ${#cut})) && cut=$head
		fi
	done
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=$prefix${COMPREPLY[i]}
		COMPREPLY[i]=${COMPREPLY[i]#"$cut"}
	done
}

complete -F _envoi envoi
