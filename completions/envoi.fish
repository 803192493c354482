# Completion of envoi(1) for fish. One option a line: tests/checks/options.sh
# reads them, and keeps them equal to those of the program.

function __envoi_command
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] $argv
end

function __envoi_no_command
    test (count (commandline -opc)) -eq 1
end

set -l schemes 'smtp:// submission:// submissions:// smtps:// lmtp:// lmtp+unix:/'
set -l phases 'connect= greeting= ehlo= tls= auth= mail= rcpt= data= block= dot= quit= total='
set -l scram SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1
set -l mechanisms "off $scram PLAIN LOGIN CRAM-MD5 EXTERNAL OAUTHBEARER XOAUTH2"
set -l extensions 'PIPELINING CHUNKING SIZE 8BITMIME STARTTLS LIMITS'
set -l offered 'PIPELINING CHUNKING SIZE 8BITMIME ENHANCEDSTATUSCODES STARTTLS'

complete -c envoi -f
complete -c envoi -n __envoi_no_command -a send -d 'send messages'
complete -c envoi -n __envoi_no_command -a queue -d 'what waits to be delivered'
complete -c envoi -n __envoi_no_command -a probe -d 'show what a server offers'
complete -c envoi -n __envoi_no_command -a sendmail -d 'send a message as sendmail does'
complete -c envoi -n __envoi_no_command -a config -d 'check or explain the configuration'
complete -c envoi -n __envoi_no_command -a sink -d 'a small local receiver'
complete -c envoi -n __envoi_no_command -a help -d 'the list of commands, or the options of one'
complete -c envoi -n __envoi_no_command -l help -d 'show the commands'
complete -c envoi -n __envoi_no_command -l version -d 'show the version'

complete -c envoi -n '__envoi_command help' -a 'send queue probe config sendmail sink'
complete -c envoi -n '__envoi_command send' -F
complete -c envoi -n '__envoi_command probe' -a "$schemes"
complete -c envoi -n '__envoi_command config' -a 'check explain'
complete -c envoi -n '__envoi_command queue' -a 'list show run hold release retry remove'

complete -c envoi -n '__envoi_command send' -s s -l server -x -a "$schemes" -d 'server to try'
complete -c envoi -n '__envoi_command send' -s f -l from -x -d 'envelope sender'
complete -c envoi -n '__envoi_command send' -l to -x -d recipient
complete -c envoi -n '__envoi_command send' -l cc -x -d 'recipient in the field Cc'
complete -c envoi -n '__envoi_command send' -l bcc -x -d 'recipient no field names'
complete -c envoi -n '__envoi_command send' -l subject -x -d 'make a message with this subject'
complete -c envoi -n '__envoi_command send' -l header -x -d 'field of the message'
complete -c envoi -n '__envoi_command send' -l body -x -d 'text of the message'
complete -c envoi -n '__envoi_command send' -l body-file -r -F -d 'file with the text'
complete -c envoi -n '__envoi_command send' -l attach -r -F -d 'attach a file'
complete -c envoi -n '__envoi_command send' -s t -l read-recipients -d 'also those in To, Cc and Bcc'
complete -c envoi -n '__envoi_command send' -l raw -d 'the header goes as it is'
complete -c envoi -n '__envoi_command send' -s F -l full-name -x -d 'name of a From field that is added'
complete -c envoi -n '__envoi_command send' -l mbox -d 'each file is an mbox'
complete -c envoi -n '__envoi_command send' -l mbox-style -x -a 'rd o' -d 'how the mbox is quoted'
complete -c envoi -n '__envoi_command send' -l sessions -x -d 'connections at once'
complete -c envoi -n '__envoi_command send' -l all-or-nothing -d 'one refused recipient stops its message'
complete -c envoi -n '__envoi_command send' -l dsn-notify -x -a 'never success failure delay' -d 'ask for notifications'
complete -c envoi -n '__envoi_command send' -l long-lines -x -a 'encode pass refuse' -d 'lines over 998 octets'
complete -c envoi -n '__envoi_command send' -l dsn-ret -x -a 'hdrs full' -d 'what notifications hold'
complete -c envoi -n '__envoi_command send' -l dsn-envid -x -d 'what notifications call the message'
complete -c envoi -n '__envoi_command send' -s n -l dry-run -d 'show what would be sent'
complete -c envoi -n '__envoi_command send' -l print -d 'write the message to stdout'
complete -c envoi -n '__envoi_command send' -l queue -d 'put it into the queue'
complete -c envoi -n '__envoi_command send' -l no-queue -d 'send it now'
complete -c envoi -n '__envoi_command send' -l at -x -a '+30m +1h +1d' -d 'queue it, to be sent then'
complete -c envoi -n '__envoi_command send' -l expire -x -a '+1h +1d +5d' -d 'queue it, and give up then'
complete -c envoi -n '__envoi_command send' -l progress -d 'progress line'
complete -c envoi -n '__envoi_command send' -l no-progress -d 'no progress line'

complete -c envoi -n '__envoi_command send probe' -s a -l account -x -d 'account of the configuration'
complete -c envoi -n '__envoi_command send probe' -s C -l config -r -F -d 'configuration file'
complete -c envoi -n '__envoi_command send probe' -l tls -x -a 'off opportunistic starttls implicit' -d 'use of TLS'
complete -c envoi -n '__envoi_command send probe' -l tls-ca -r -F -d 'file or folder of trusted certificates'
complete -c envoi -n '__envoi_command send probe' -l tls-name -x -d 'name the certificate must have'
complete -c envoi -n '__envoi_command send probe' -l tls-pin -x -a sha256: -d 'SHA-256 of certificate or key'
complete -c envoi -n '__envoi_command send probe' -l tls-cert -r -F -d 'client certificate'
complete -c envoi -n '__envoi_command send probe' -l tls-key -r -F -d 'its key'
complete -c envoi -n '__envoi_command send probe' -l tls-min -x -a '1.2 1.3' -d 'lowest version'
complete -c envoi -n '__envoi_command send probe' -l tls-insecure -d 'do not check the certificate'
complete -c envoi -n '__envoi_command send probe' -l no-tls-cache -d 'continue no TLS session of another run'
complete -c envoi -n '__envoi_command send probe' -l auth -x -a "$mechanisms" -d 'mechanisms to log in with'
complete -c envoi -n '__envoi_command send probe' -l user -x -d 'log in as'
complete -c envoi -n '__envoi_command send probe' -l password-fd -x -d 'secret from a descriptor'
complete -c envoi -n '__envoi_command send probe' -l password-file -r -F -d 'secret from a file'
complete -c envoi -n '__envoi_command send probe' -l password-command -x -d 'secret from a command'
complete -c envoi -n '__envoi_command send probe' -l helo -x -d 'name for EHLO, HELO, LHLO'
complete -c envoi -n '__envoi_command send probe' -s 4 -l ipv4 -d 'IPv4 only'
complete -c envoi -n '__envoi_command send probe' -s 6 -l ipv6 -d 'IPv6 only'
complete -c envoi -n '__envoi_command send probe' -l source -x -d 'local address'
complete -c envoi -n '__envoi_command send probe' -l without -x -a "$extensions" -d 'never use these extensions'
complete -c envoi -n '__envoi_command send probe' -l timeout -x -a "$phases" -d 'wait so long at most'
complete -c envoi -n '__envoi_command send probe' -s v -l verbose -d 'transcript on standard error'
complete -c envoi -n '__envoi_command send probe' -l transcript -r -F -d 'transcript to a file'
complete -c envoi -n '__envoi_command send probe' -l report -x -a 'text json none' -d 'form of the report'
complete -c envoi -n '__envoi_command send probe' -s q -l quiet -d 'no report'
complete -c envoi -n '__envoi_command send probe' -l help -d 'show the options'

complete -c envoi -n '__envoi_command queue' -l now -d 'also what is not due yet'
complete -c envoi -n '__envoi_command queue' -l watch -d 'run until stopped'
complete -c envoi -n '__envoi_command queue' -l all -d 'all messages'
complete -c envoi -n '__envoi_command queue' -s v -l verbose -d 'transcript on standard error'
complete -c envoi -n '__envoi_command queue' -l report -x -a 'text json none' -d 'form of the report'
complete -c envoi -n '__envoi_command queue' -s q -l quiet -d 'no report'
complete -c envoi -n '__envoi_command queue' -l help -d 'show the options'

complete -c envoi -n '__envoi_command config' -s C -l config -r -F -d 'configuration file'
complete -c envoi -n '__envoi_command config' -s a -l account -x -d 'this account'
complete -c envoi -n '__envoi_command config' -s f -l from -x -d 'explain: sender'
complete -c envoi -n '__envoi_command config' -l to -x -d 'explain: recipient'
complete -c envoi -n '__envoi_command config' -l connect -d 'check: connect, do TLS, log in'
complete -c envoi -n '__envoi_command config' -l timeout -x -a "$phases" -d 'wait so long at most'
complete -c envoi -n '__envoi_command config' -s v -l verbose -d 'transcript on standard error'
complete -c envoi -n '__envoi_command config' -l help -d 'show the options'

complete -c envoi -n '__envoi_command sink' -l listen -x -a '127.0.0.1: unix:' -d 'where to listen'
complete -c envoi -n '__envoi_command sink' -l port-file -r -F -d 'write the port there'
complete -c envoi -n '__envoi_command sink' -l lmtp -d 'LMTP in place of SMTP'
complete -c envoi -n '__envoi_command sink' -l hostname -x -d 'name in the greeting'
complete -c envoi -n '__envoi_command sink' -l maildir -x -a '(__fish_complete_directories)' -d 'store in a Maildir'
complete -c envoi -n '__envoi_command sink' -l mbox -r -F -d 'append messages to an mbox'
complete -c envoi -n '__envoi_command sink' -l discard -d 'store nothing'
complete -c envoi -n '__envoi_command sink' -l crlf -d 'keep CRLF line ends'
complete -c envoi -n '__envoi_command sink' -l raw -d 'store the octets received and nothing else'
complete -c envoi -n '__envoi_command sink' -l tls-cert -r -F -d certificate
complete -c envoi -n '__envoi_command sink' -l tls-key -r -F -d 'its key'
complete -c envoi -n '__envoi_command sink' -l cert-file -r -F -d 'write the certificate there'
complete -c envoi -n '__envoi_command sink' -l tls-implicit -d 'TLS from the first octet'
complete -c envoi -n '__envoi_command sink' -l no-tls -d 'no TLS at all'
complete -c envoi -n '__envoi_command sink' -l without -x -a "$offered" -d 'do not offer these extensions'
complete -c envoi -n '__envoi_command sink' -l size -x -d 'largest message'
complete -c envoi -n '__envoi_command sink' -l max-connections -x -d 'connections at once'
complete -c envoi -n '__envoi_command sink' -l max-recipients -x -d 'recipients of a message'
complete -c envoi -n '__envoi_command sink' -l once -d 'end after the first connection'
complete -c envoi -n '__envoi_command sink' -l messages -x -d 'end after so many messages'
complete -c envoi -n '__envoi_command sink' -s v -l verbose -d 'transcript on standard error'
complete -c envoi -n '__envoi_command sink' -s q -l quiet -d 'nothing on standard output'
complete -c envoi -n '__envoi_command sink' -l help -d 'show the options'
