/*
 * The commands. argv[0] is the command word; the exit status comes back.
 */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

int cmd_send(int argc, char **argv);
int cmd_queue(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_sink(int argc, char **argv);
/** The word "sendmail": has --help. */
int cmd_sendmail_word(int argc, char **argv);
int cmd_sendmail(int argc, char **argv);
/** The same by the names mailq and newaliases. */
int cmd_mailq(int argc, char **argv);
int cmd_newaliases(int argc, char **argv);
int cmd_help(int argc, char **argv);

#endif
