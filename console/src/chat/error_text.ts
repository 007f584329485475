import type { MessageError } from '../conversations/conversation';
import type { Messages } from '../i18n/messages';

// What a person reads about an error: the server's own words where there are any.
export function errorText(error: MessageError, text: Messages): string {
  if (error.message !== '') return error.message;
  switch (error.kind) {
    case 'network':
      return text.errorNetwork;
    case 'interrupted':
      return text.errorInterrupted;
    case 'protocol':
      return text.errorProtocol;
    case 'api':
      return text.errorUnknown(error.status);
  }
}
