/*
 * The options that say who to be and where the secret is: --auth, --user,
 * --password-...; no option takes the secret itself.
 */
#ifndef CMD_LOGIN_H
#define CMD_LOGIN_H

#include <envoi/secret.h>
#include <envoi/submit.h>

/** What the options say. Zeroed; login_finish() when done. */
struct login {
	/** --auth off: none, whatever else is said. */
	bool off;
	/** Names with blanks between; NULL: none were given. Owned. */
	char *mechanisms;
	bool token;
	const char *user;
	struct envoi_secret_source source;
	/** Words of --password-command: pointers into words. Owned. */
	char *words;
	const char **argv;
};

void login_finish(struct login *login);

/** "MECH[,MECH]" or "off"; USAGE. */
int login_set_auth(struct login *login, const char *value, struct envoi_error *err);
int login_set_user(struct login *login, const char *value, struct envoi_error *err);
int login_set_fd(struct login *login, const char *value, struct envoi_error *err);
int login_set_file(struct login *login, const char *value, struct envoi_error *err);
/** Words between blanks; quotes and backslash as in a shell, nothing else. */
int login_set_command(struct login *login, const char *value, struct envoi_error *err);

/** Fills request in. USAGE: a secret and no user. */
int login_complete(
	struct login *login, struct envoi_request *request, struct envoi_error *err);

#endif
