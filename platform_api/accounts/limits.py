"""How often each thing of accounts may be asked for. docs/accounts.md lists them; a test compares.

Mobile operators put thousands of phones behind one IPv4 address: limits by network are wide and stop
machines; limits by phone number are narrow and stop guessing.
"""

from datetime import timedelta

from platform_api.throttle.rules import Limit

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

# By network, each
REGISTER = Limit("register", 60, HOUR)
LOGIN = Limit("login", 120, MINUTE)
VERIFY = Limit("verify", 120, HOUR)
RESEND = Limit("resend", 60, HOUR)
RESET = Limit("reset", 60, HOUR)
CONFIRM = Limit("confirm", 120, HOUR)
REFRESH = Limit("refresh", 600, MINUTE)
LOGOUT = Limit("logout", 120, MINUTE)

# Codes texted to one phone, whoever asks for them and what for
CODE_PAUSE = Limit("code-pause", 1, MINUTE)
CODES_AN_HOUR = Limit("codes-hour", 5, HOUR)
CODES_A_DAY = Limit("codes-day", 10, DAY)
CODES = (CODE_PAUSE, CODES_AN_HOUR, CODES_A_DAY)

# Wrong passwords for one phone from anywhere: many addresses together do not guess faster.
LOGIN_PHONE = Limit("login-phone", 50, DAY)
# All devices of one user: a client that turns in circles
REFRESH_USER = Limit("refresh-user", 120, 10 * MINUTE)
